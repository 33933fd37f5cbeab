import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { PlannedRun } from './schedule.ts';

/** Where the vendor's own calls go on to the engine. */
const pushes = '/pushes';
const pushPatienceMs = 60_000;
const pushEveryMs = 250;

const keyed = z.object({ key: z.string() });
const startBody = z.union([z.object({ input: keyed }), z.object({ parameters: keyed })]);
/** As Envoy answers when its connection broke after the request was sent. */
const proxyPage = 'upstream connect error or disconnect/reset before headers. reset reason: connection termination';

export type VendorProxy = {
  readonly url: string;
  /** Given to a vendor that calls: its calls are repeated until the engine has them, as such vendors do. */
  readonly pushUrl: string;
  /** What the schedule has for the run with that key. */
  expect(key: string, run: PlannedRun): void;
  /** Calls back during the next start call: the vendor has taken it, and its answer is held. */
  atNextStart(act: (() => void) | null): void;
  close(): void;
};

/** The way between an engine and the vendor, on which answers are late, cut, or replaced by a proxy's page. */
export async function openVendorProxy(vendorUrl: string, engineUrl: () => string | null): Promise<VendorProxy> {
  const planned = new Map<string, PlannedRun>();
  const spoiled = new Set<string>();
  const closed = new AbortController();
  let act: (() => void) | null = null;

  const server = createServer((request, response) => {
    const work = request.url?.startsWith(pushes) ? handOn(request, response) : pass(request, response);
    work.catch(() => response.destroy());
  });

  async function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request);
    const answer = await fetch(`${vendorUrl}${request.url}`, {
      method: request.method ?? 'GET',
      headers: headersOf(request),
      body: request.method === 'GET' ? null : body,
    });
    const [status, type] = [answer.status, answer.headers.get('content-type') ?? 'application/json'];
    const text = await answer.text();
    const key = request.method === 'POST' ? keyOf(body) : null;
    if (key !== null && (await spoil(key, response))) return;
    response.writeHead(status, { 'content-type': type }).end(text);
  }

  /** Whether the answer to a start was replaced. */
  async function spoil(key: string, response: ServerResponse): Promise<boolean> {
    const run = planned.get(key);
    if (run === undefined) return false;
    act?.();
    act = null;
    await sleep(run.answerMs);
    if (run.fault === 'none' || spoiled.has(key)) return false;
    spoiled.add(key);
    if (run.fault === 'cut') response.destroy();
    else response.writeHead(503, { 'content-type': 'text/plain' }).end(proxyPage);
    return true;
  }

  async function handOn(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [body, headers] = [await buffer(request), headersOf(request)];
    response.writeHead(204).end();
    const signal = AbortSignal.any([closed.signal, AbortSignal.timeout(pushPatienceMs)]);
    while (!signal.aborted) {
      const url = engineUrl();
      const status = await (url === null
        ? Promise.resolve(503)
        : fetch(`${url}${request.url?.slice(pushes.length)}`, { method: 'POST', headers, body, signal }).then(
            (answer) => answer.status,
            () => 503,
          ));
      if (status < 500) return;
      await sleep(pushEveryMs);
    }
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    pushUrl: `${url}${pushes}`,
    expect: (key, run) => void planned.set(key, run),
    atNextStart(next) {
      act = next;
    },
    close() {
      closed.abort();
      server.close();
      server.closeAllConnections();
    },
  };
}

function keyOf(body: Buffer): string | null {
  const read = startBody.safeParse(JSON.parse(body.toString()));
  if (!read.success) return null;
  return 'input' in read.data ? read.data.input.key : read.data.parameters.key;
}

/** Headers that belong to the request, not to its connection. */
function headersOf({ headers }: IncomingMessage): Record<string, string> {
  const own = ['host', 'connection', 'content-length', 'transfer-encoding', 'keep-alive'];
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      own.includes(name) || value === undefined ? [] : [[name, String(value)]],
    ),
  );
}
