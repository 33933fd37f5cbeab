import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Json } from '../../src/contract/domain/json.ts';
import type { Chance } from './chance.ts';
import type { ReplicaSet } from './replica-set.ts';

/** A vendor repeats its calls for an hour; a round lasts seconds. */
const patienceMs = 60_000;

export type PushRelay = { readonly url: string; close(): void };

/**
 * The public address at which the vendors reach the gateways, whichever of them lives. It takes each call, and hands it on
 * until a gateway has it, as a vendor would that repeats what was not answered.
 */
export async function openPushRelay(gateways: () => ReplicaSet | null, chance: Chance): Promise<PushRelay> {
  const closed = new AbortController();

  async function handOn(path: string, body: Json): Promise<void> {
    const signal = AbortSignal.any([closed.signal, AbortSignal.timeout(patienceMs)]);
    while (!signal.aborted) {
      try {
        const client = await gateways()?.responsiveClient(chance, signal);
        const answer = await client?.call('POST', path, { body });
        if (answer !== undefined && answer.status < 500) return;
      } catch {
        // That gateway is gone.
      }
      await sleep(50, undefined, { signal }).catch(() => {});
    }
  }

  const server = createServer((request, response) => {
    text(request).then(
      (body) => {
        response.writeHead(204).end();
        void handOn(request.url ?? '/', JSON.parse(body) as Json);
      },
      () => request.socket.destroy(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () => {
      closed.abort();
      server.close();
      server.closeAllConnections();
    },
  };
}
