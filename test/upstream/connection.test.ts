import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { actOnce, endRun, observeRun } from '../../adapters/call-rules.ts';
import type { UpstreamFault } from '../../src/contract/adapter/http.ts';
import type { Log } from '../../src/contract/domain/log.ts';
import { connectUpstream, type Upstream, type UpstreamOptions } from '../../src/upstream/connect.ts';
import { faultOf } from '../adapters/adapter-contract.ts';
import { upstreamOptions } from './upstream-options.ts';
import { answer, silence, startVendor, type Vendor } from './vendor-server.ts';

let vendor: Vendor;
const opened: Upstream[] = [];

beforeEach(async () => {
  vendor = await startVendor();
});
afterEach(async () => {
  await vendor.stop();
  for (const upstream of opened.splice(0)) await upstream.close();
});

function connect(options: Partial<UpstreamOptions> = {}): Upstream {
  const upstream = connectUpstream({ ...upstreamOptions, baseUrl: vendor.url, ...options });
  opened.push(upstream);
  return upstream;
}

const idle = new AbortController().signal;

const rules = { start: actOnce, resume: actOnce, observe: observeRun, cancel: endRun } as const;

function call(upstream: Upstream, purpose: keyof typeof rules = 'start', signal = idle) {
  const errorMessage = () => null;
  const shared = { ...rules[purpose], purpose, path: '/x', answer: z.unknown(), errorMessage, signal };
  return purpose === 'observe'
    ? upstream.client.call({ ...shared, method: 'GET' })
    : upstream.client.call({ ...shared, method: 'POST', body: { n: 1 } });
}

function summary({ consequence, kind }: UpstreamFault) {
  return { consequence, kind };
}

/** Resolves once the vendor has read a whole request. */
function untilRead(): Promise<void> {
  return new Promise((resolve) => {
    vendor.reply = () => resolve();
  });
}

describe('kept connections', () => {
  test('a kept connection is used again', async () => {
    const upstream = connect({ maxConnections: 1 });
    for (let round = 0; round < 5; round += 1) await call(upstream);
    expect(vendor.accepted).toBe(1);
  });

  test('a kept connection that the server closed right after an answer does not make the next start unknown', async () => {
    const upstream = connect({ maxConnections: 1 });
    vendor.reply = (response, received) => {
      const { socket } = response;
      response.once('finish', () => socket?.end());
      answer(200, {})(response, received);
    };
    for (let round = 0; round < 50; round += 1) await call(upstream);
    expect(vendor.received).toHaveLength(50);
    expect(vendor.accepted).toBe(50);
  });

  test.each(['closed', 'reset'])(
    'a kept connection that the server %s while idle does not make the next start unknown',
    async (how) => {
      const upstream = connect({ maxConnections: 1 });
      for (let round = 0; round < 50; round += 1) {
        await call(upstream);
        // The hang-up is on its way, and has not been read when the next call is made.
        for (const socket of vendor.connections) how === 'closed' ? socket.end() : socket.resetAndDestroy();
        const next = await call(upstream).catch((fault: UpstreamFault) => fault.consequence);
        expect(next === 'retry' || typeof next === 'object').toBe(true);
      }
    },
  );
});

describe('the fence', () => {
  test('nothing is sent while the fence is down, and the connection stays unused', async () => {
    let up = true;
    const upstream = connect({ fence: () => up });
    await call(upstream);
    up = false;
    for (const purpose of ['start', 'resume', 'cancel', 'observe'] as const) {
      expect(summary(await faultOf(call(upstream, purpose)))).toEqual({ consequence: 'retry', kind: 'aborted' });
    }
    up = true;
    await call(upstream);
    expect(vendor.received).toHaveLength(2);
  });

  test('the fence is asked when the request is written, not when the call is made', async () => {
    let up = true;
    const upstream = connect({ fence: () => up });
    vendor.greet = () => {
      up = false;
    };
    expect(summary(await faultOf(call(upstream)))).toEqual({ consequence: 'retry', kind: 'aborted' });
    expect(vendor.accepted).toBe(1);
    expect(vendor.received).toEqual([]);
  });
});

describe('giving up', () => {
  test('a call with an aborted signal opens no connection', async () => {
    const fault = await faultOf(call(connect(), 'start', AbortSignal.abort()));
    expect(summary(fault)).toEqual({ consequence: 'retry', kind: 'aborted' });
    expect(vendor.accepted).toBe(0);
  });

  test('a call that is aborted while its connection is made sends nothing', async () => {
    const abort = new AbortController();
    vendor.greet = () => abort.abort();
    const upstream = connect();
    const fault = await faultOf(call(upstream, 'start', abort.signal));
    expect(summary(fault)).toEqual({ consequence: 'retry', kind: 'aborted' });
    vendor.greet = () => {};
    await call(upstream);
    expect(vendor.received).toHaveLength(1);
  });

  test.each([
    ['start', 'unknown'],
    ['observe', 'retry'],
  ] as const)('a %s that is aborted while it is answered has the consequence %s', async (purpose, consequence) => {
    const abort = new AbortController();
    const read = untilRead();
    const fault = faultOf(call(connect(), purpose, abort.signal));
    await read;
    abort.abort();
    expect(summary(await fault)).toEqual({ consequence, kind: 'aborted' });
  });

  test('a call can be aborted within the body of its answer', async () => {
    const abort = new AbortController();
    vendor.reply = (response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write('{"a":', () => abort.abort());
    };
    expect(summary(await faultOf(call(connect(), 'start', abort.signal)))).toEqual({
      consequence: 'unknown',
      kind: 'aborted',
    });
  });

  test('a call that waits for a connection times out unsent', async () => {
    const upstream = connect({ maxConnections: 1, timeoutMs: 500 });
    await call(upstream);
    vendor.reply = silence;
    // Both in one turn: the second is over before the connection that the first leaves free could be replaced.
    const [first, second] = [faultOf(call(upstream)), faultOf(call(upstream))];
    expect(summary(await first)).toEqual({ consequence: 'unknown', kind: 'timeout' });
    expect(summary(await second)).toEqual({ consequence: 'retry', kind: 'timeout' });
    expect(vendor.received).toHaveLength(2);
  });

  test('an endless answer is cut when the time of the call is over', async () => {
    vendor.reply = (response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const drip = setInterval(() => response.write(' '), 20);
      response.once('close', () => clearInterval(drip));
    };
    expect(summary(await faultOf(call(connect({ timeoutMs: 400 }), 'observe')))).toEqual({
      consequence: 'retry',
      kind: 'timeout',
    });
  });
});

describe('no connection', () => {
  test('more calls than connections all fail when the vendor refuses connections', async () => {
    await vendor.stop();
    const upstream = connect({ maxConnections: 2 });
    const faults = await Promise.all(Array.from({ length: 20 }, () => faultOf(call(upstream))));
    expect(new Set(faults.map((fault) => JSON.stringify(summary(fault))))).toEqual(
      new Set(['{"consequence":"retry","kind":"refused"}']),
    );
  });

  test('TLS to a server without TLS is a fault that may be retried', async () => {
    const upstream = connect({ baseUrl: vendor.url.replace('http:', 'https:') });
    const fault = await faultOf(call(upstream));
    expect(summary(fault)).toMatchObject({ consequence: 'retry' });
    expect(vendor.received).toEqual([]);
  });

  test('a host name that does not resolve is a fault that may be retried', async () => {
    const upstream = connect({ baseUrl: 'http://no-such-host.invalid' });
    const fault = await faultOf(call(upstream));
    expect(summary(fault)).toEqual({ consequence: 'retry', kind: 'refused' });
    expect(fault.message).toBe("the vendor's host name does not resolve");
  });

  test('a header that HTTP does not allow is rejected and never sent', async () => {
    const fault = await faultOf(
      connect().client.call({
        purpose: 'start',
        retry: 'at-most-once',
        method: 'POST',
        path: '/x',
        headers: { 'x-api-key': 'line\nbreak' },
        answer: z.unknown(),
        errorMessage: () => null,
        signal: idle,
      }),
    );
    expect(fault.consequence).toBe('rejected');
    expect(vendor.received).toEqual([]);
  });
});

describe('the base URL', () => {
  test('the path of the base URL is a prefix, and its user and password become a header and a secret', async () => {
    const baseUrl = vendor.url.replace('//', '//user:pass%20word@');
    vendor.reply = answer(200, { echo: 'is pass word yours?' });
    const { raw } = await call(connect({ baseUrl: `${baseUrl}/deep//` }));
    expect(raw).toEqual({ echo: 'is [redacted] yours?' });
    const basic = `Basic ${Buffer.from('user:pass word').toString('base64')}`;
    expect(vendor.received[0]).toMatchObject({ path: '/deep/x', headers: { authorization: basic } });
  });

  test.each(['ftp://x', 'file:///etc', 'nothing'])('the base URL %s is refused', (baseUrl) => {
    expect(() => connectUpstream({ ...upstreamOptions, baseUrl })).toThrow(TypeError);
  });
});

describe('closing', () => {
  test('closing waits for the call under way and refuses further ones', async () => {
    const upstream = connect();
    const read = untilRead();
    let finish = () => {};
    vendor.reply = ((reply) => (response, received) => {
      finish = () => answer(200, { done: true })(response, received);
      reply(response, received);
    })(vendor.reply);
    const under = call(upstream);
    await read;
    const closed = upstream.close();
    expect(summary(await faultOf(call(upstream)))).toEqual({ consequence: 'retry', kind: 'aborted' });
    finish();
    expect((await under).raw).toEqual({ done: true });
    await closed;
    expect(vendor.received).toHaveLength(1);
  });

  test('closing drops the kept connections', async () => {
    const upstream = connect();
    await call(upstream);
    const [socket] = vendor.connections;
    if (socket === undefined) throw new Error('no connection was kept');
    const gone = once(socket, 'close');
    await upstream.close();
    await gone;
    expect(vendor.connections.size).toBe(0);
  });
});

test('a fault is logged without a secret', async () => {
  const lines: string[] = [];
  const write = (fields: object, message: string) => lines.push(JSON.stringify({ ...fields, message }));
  const log: Log = { debug: write, info: write, warn: write, error: write, child: () => log };
  vendor.reply = (response) => response.socket?.end('no-such-protocol hush-hush\r\n\r\n');
  expect((await faultOf(call(connect({ log, secrets: ['hush-hush'] })))).consequence).toBe('unknown');
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain('vendor call failed');
  expect(lines[0]).not.toContain('hush');
});
