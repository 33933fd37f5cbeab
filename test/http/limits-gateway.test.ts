import { connect, type Socket } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AuthSite, openAuthSite } from '../access/auth-site.ts';

/** Every limit of the whole gateway, as a config sets it and a client meets it. */
const limits = {
  maxBodyBytes: 20_000_000,
  maxJsonDepth: 10,
  maxHeaderBytes: 4096,
  maxConnections: 40,
  slowRequestSeconds: 1,
  slowReaderSeconds: 1,
  maxOutputBytes: 50_000_000,
};
const json = 'Content-Type: application/json';

let site: AuthSite;
beforeAll(async () => {
  site = await openAuthSite({ sections: { limits } });
});
afterAll(() => site[Symbol.asyncDispose]());

const portOf = (): number => Number(new URL(site.url).port);

/** A connection that sends these bytes, and what comes back on it. */
function open(bytes: string): {
  readonly socket: Socket;
  readonly text: () => string;
  readonly ended: Promise<string>;
} {
  let text = '';
  const socket = connect(portOf(), '127.0.0.1');
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk;
  });
  socket.on('error', () => {});
  const ended = new Promise<string>((resolve) => socket.once('close', () => resolve(text)));
  socket.write(bytes);
  return { socket, text: () => text, ended };
}

const create = (input: object) => site.ask(null, 'POST', '/runs', { agent_id: 'echo', input: { ...input } });

/** Whatever was refused, the next client is served. */
async function expectLife(): Promise<void> {
  expect((await create({ a: 1 })).status).toBe(200);
}

describe('a request', () => {
  test('a request whose body is too large is refused with 413, whether it names its length or not', async () => {
    const head = `POST /runs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${json}\r\n`;
    const declared = open(`${head}Content-Length: 20000001\r\n\r\n{`);
    expect(await declared.ended).toMatch(/^HTTP\/1\.1 413 [\s\S]*at most 20000000 bytes are taken/);
    const chunk = `${(1_000_000).toString(16)}\r\n${' '.repeat(1_000_000)}\r\n`;
    const chunked = open(`${head}Transfer-Encoding: chunked\r\n\r\n${chunk.repeat(21)}`);
    expect(await chunked.ended).toMatch(/^HTTP\/1\.1 413 /);
    await expectLife();
  });

  test('a request whose packed body is broken is refused, wherever the break is, and ends no process', async () => {
    const uncaught: unknown[] = [];
    const note = (error: unknown): void => void uncaught.push(error);
    process.on('uncaughtExceptionMonitor', note);
    await using small = await openAuthSite({ sections: { limits: { maxBodyBytes: 10_000 } } });
    const send = async (packing: string, body: Uint8Array<ArrayBuffer>) => {
      const headers = { 'content-type': 'application/json', 'content-encoding': packing };
      const answer = await fetch(`${small.url}/runs`, { method: 'POST', headers, body });
      await answer.text();
      return answer.status;
    };
    for (const [packing, pack] of Object.entries({ gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync })) {
      // More than the limit, so that nothing reads any more when the end is seen.
      for (const size of [12_000, 40_000, 200_000]) {
        const whole = Uint8Array.from(pack(Buffer.alloc(size, 'x')));
        const spoilt = whole.with(-2, 255 - (whole.at(-2) ?? 0));
        for (const body of [whole, spoilt, whole.slice(0, -6), Uint8Array.of(...whole, ...whole.slice(4))]) {
          // A body that is cut short may show that before it is too large.
          expect([413, 422]).toContain(await send(packing, body));
        }
      }
      expect(await send(packing, Uint8Array.from(pack('{"agent_id":"echo","input":{}}')))).toBe(200);
    }
    process.off('uncaughtExceptionMonitor', note);
    expect(uncaught).toEqual([]);
  });

  test.each(['', 'Content-Encoding: gzip\r\n', 'Content-Encoding: br\r\n'])(
    'a request for a stream gives its place back when its body is cut off, with the header %j',
    async (packing) => {
      await using few = await openAuthSite({ sections: { limits: { maxStreams: 1 } } });
      const ask = async () => {
        const stream = await few.ask(null, 'POST', '/agent-protocol/runs/stream', { agent_id: 'echo', input: {} });
        return stream.status;
      };
      const { hostname, port } = new URL(few.url);
      const socket = connect(Number(port), hostname).on('error', () => {});
      socket.write(
        `POST /agent-protocol/runs/stream HTTP/1.1\r\nHost: localhost\r\n${json}\r\n${packing}Content-Length: 100\r\n\r\n`,
      );
      await expect.poll(ask, { timeout: 20_000 }).toBe(503);
      socket.destroy();
      await expect.poll(ask, { timeout: 20_000 }).toBe(200);
    },
  );

  test('a request whose body is nested too deeply is refused, however deep it is', async () => {
    const nested = (depth: number) => `{"agent_id":"echo","input":${'{"a":'.repeat(depth - 1)}1${'}'.repeat(depth)}`;
    const headers = { 'content-type': 'application/json' };
    const send = async (body: string) => await fetch(`${site.url}/runs`, { method: 'POST', headers, body });
    expect((await send(nested(10))).status).toBe(200);
    for (const depth of [11, 1_000_000]) {
      const answer = await send(nested(depth));
      expect(answer.status).toBe(422);
      expect(await answer.text()).toContain('nested deeper than 10 levels');
    }
  });

  test('a request whose head is too large is refused with 431', async () => {
    const swollen = (size: number) =>
      `GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-A: ${'x'.repeat(size)}\r\n\r\n`;
    expect(await open(swollen(3000)).ended).toMatch(/^HTTP\/1\.1 200 /);
    expect(await open(swollen(5000)).ended).toMatch(/^HTTP\/1\.1 431 /);
    expect(await open(`GET /${'x'.repeat(5000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`).ended).toMatch(
      /^HTTP\/1\.1 431 /,
    );
    const many = Array.from({ length: 200 }, (_, at) => `X-${at}: 1\r\n`).join('');
    expect(
      await open(`GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${many}\r\n`).ended,
    ).toMatch(/^HTTP\/1\.1 (200|431) /);
    await expectLife();
  });

  test('a request that does not arrive whole is cut off, and so is a connection that sends nothing', async () => {
    const post = 'POST /runs HTTP/1.1\r\nHost: localhost\r\n';
    const slow = [
      open(''),
      open(`${post}X-Half`),
      open(`${post}${json}\r\nContent-Length: 100\r\n\r\n{"in`),
      open(`${post}${json}\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{"in\r\n`),
    ];
    const answers = await Promise.all(slow.map(({ ended }) => ended));
    for (const answer of answers) expect(answer).toMatch(/^HTTP\/1\.1 (408|422) /);
    await expectLife();
  });
});

describe('a client', () => {
  test('a client that reads nothing of its answer is cut off although it keeps sending', async () => {
    const { body } = await create({ text: 'x'.repeat(19_000_000) });
    const { run_id: runId } = body as { run_id: string };
    const reader = open(`GET /runs/${runId} HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n`);
    reader.socket.pause();
    // It sends something now and then, which does not count as reading, and so learns that it was cut off.
    const isCut = () => {
      if (!reader.socket.closed) reader.socket.write('\r\n');
      return reader.socket.closed;
    };
    await expect.poll(isCut, { interval: 50, timeout: 20_000 }).toBe(true);
    expect(reader.socket.bytesRead).toBeLessThan(19_000_000);
    await expectLife();
  });
});

test('connections above the limit are closed as they come, which is logged once', async () => {
  const opened = Array.from({ length: 60 }, () => open(''));
  let closed = 0;
  for (const { ended, socket } of opened) {
    void ended.then(() => {
      closed += 1;
      // Those that were taken are ended by us as soon as the others are gone.
      if (closed === 20) for (const each of opened) each.socket.destroy();
    });
    socket.resume();
  }
  await Promise.all(opened.map(({ ended }) => ended));
  expect(closed).toBe(60);
  expect(site.log().match(/too many connections/g)).toHaveLength(1);
});
