import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

export type CuttingProxy = AsyncDisposable & {
  readonly url: string;
  /** `Last-Event-ID` of each request for a stream. */
  readonly lastIds: readonly string[];
};

/** A proxy in front of a gateway that cuts each event stream in the middle of the second piece of it, twice at most. */
export async function startCuttingProxy(target: string): Promise<CuttingProxy> {
  const lastIds: string[] = [];
  const cuts = new Map<string, number>();
  const server = createServer((incoming, outgoing) => {
    const { url = '', method, headers } = incoming;
    const isStream = url.endsWith('/stream');
    const count = cuts.get(url) ?? 0;
    if (isStream) lastIds.push(String(headers['last-event-id']));
    const onward = request(target + url, { method, headers, agent: false }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      if (!isStream || count >= 2) {
        answer.pipe(outgoing);
        return;
      }
      let hasFirst = false;
      answer.on('data', (chunk: Buffer) => {
        if (!hasFirst) {
          hasFirst = true;
          outgoing.write(chunk);
          return;
        }
        cuts.set(url, count + 1);
        // A few bytes of the next event too: a client must not take them for one.
        outgoing.write(chunk.subarray(0, 6), () => outgoing.destroy());
        answer.destroy();
      });
      answer.on('end', () => outgoing.end());
    });
    onward.on('error', () => outgoing.destroy());
    incoming.pipe(onward);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    lastIds,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
