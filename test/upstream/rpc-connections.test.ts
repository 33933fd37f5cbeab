import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RpcCall } from '../../src/contract/adapter/rpc.ts';
import type { Json } from '../../src/contract/domain/json.ts';
import { connectUpstream, type Upstream, type UpstreamOptions } from '../../src/upstream/connect.ts';
import { faultOf } from '../adapters/adapter-contract.ts';
import { type Frames, startFrameVendor } from './frame-vendor.ts';
import { type GrpcVendor, grpcAnswer, grpcSilence, resetStream, startGrpcVendor } from './grpc-vendor.ts';
import { startRelay } from './relay.ts';
import { rpc } from './rpc-rig.ts';
import { upstreamOptions } from './upstream-options.ts';
import { startVendor } from './vendor-server.ts';

let vendor: GrpcVendor;
const opened: Upstream[] = [];
const stops: (() => Promise<void>)[] = [];

beforeEach(async () => {
  vendor = await startGrpcVendor();
  stops.push(vendor.stop);
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
  for (const upstream of opened.splice(0)) await upstream.close();
});

function connect(options: Partial<UpstreamOptions> = {}): Upstream {
  const upstream = connectUpstream({ ...upstreamOptions, baseUrl: vendor.url, ...options });
  opened.push(upstream);
  return upstream;
}

async function startFrames(...handlers: Parameters<typeof startFrameVendor>) {
  const frames = await startFrameVendor(...handlers);
  stops.push(frames.stop);
  return frames;
}

/** What a fault means to a call that must not be made twice, and to one that may. */
async function meaningsOf(upstream: Upstream, more: Partial<RpcCall<Json>> = {}) {
  const start = await faultOf(rpc(upstream, { ...more, retry: 'at-most-once' }));
  const look = await faultOf(rpc(upstream, { ...more, retry: 'safe' }));
  return { start: start.consequence, look: look.consequence, kind: start.kind };
}

const [noError, internalError, refusedStream, cancel, enhanceYourCalm] = [0, 2, 7, 8, 11];
const untouched = { start: 'retry', look: 'retry', kind: 'reset' };
const lost = { start: 'unknown', look: 'retry', kind: 'cut' };

describe('a server that proves that it did nothing', () => {
  test('a stream that it refuses is a retry, and is not sent again by the client', async () => {
    vendor.reply = resetStream(refusedStream);
    expect(await meaningsOf(connect())).toEqual(untouched);
    expect(vendor.received).toHaveLength(2);
  });

  test.each([noError, internalError, enhanceYourCalm])(
    'a stream above the last one of a GOAWAY with code %i is a retry, and is not sent again by the client',
    async (code) => {
      const frames = await startFrames((peer) => peer.goaway(0, code));
      expect(await meaningsOf(connect({ baseUrl: frames.url }))).toEqual(untouched);
      expect(frames.requests).toBe(2);
    },
  );

  test('of three streams only those above the last one of a GOAWAY are retries; the one before is a lost answer', async () => {
    let peer: Frames | undefined;
    const frames = await startFrames((each, _id, count) => {
      peer = each;
      if (count === 3) each.goaway(1, enhanceYourCalm);
    });
    const upstream = connect({ baseUrl: frames.url, maxConnections: 1 });
    const calls = Array.from({ length: 3 }, () => faultOf(rpc(upstream)));
    const faults = await Promise.all(calls);
    expect(faults.map(({ consequence }) => consequence)).toEqual(['unknown', 'retry', 'retry']);
    expect(peer).toBeDefined();
  });

  test('a stream below the last one of a GOAWAY is still answered, and later calls take a new connection', async () => {
    vendor.reply = (stream, received) => {
      stream.session?.goaway(noError, stream.id ?? 0);
      setImmediate(() => grpcAnswer('pong')(stream, received));
    };
    const upstream = connect({ maxConnections: 1 });
    for (let count = 1; count <= 3; count += 1) {
      expect((await rpc(upstream)).body).toBe('pong');
      expect(vendor.accepted).toBe(count);
    }
  });

  test('a server that hangs up on a fresh connection has seen nothing', async () => {
    vendor.greet = (socket) => socket.destroy();
    const fault = await faultOf(rpc(connect()));
    expect(fault.consequence).toBe('retry');
    expect(vendor.received).toEqual([]);
  });

  test('no server at all is a retry', async () => {
    await vendor.stop();
    expect(await meaningsOf(connect())).toEqual({ start: 'retry', look: 'retry', kind: 'refused' });
  });

  test.each(['closed', 'reset', 'said goodbye to'])(
    'a kept connection that the server %s while idle does not make the next start unknown',
    async (how) => {
      const upstream = connect({ maxConnections: 1 });
      for (let round = 0; round < 30; round += 1) {
        await rpc(upstream);
        // The hang-up has left the server, and has not been read when the next call is made.
        const gone = [...vendor.connections].map((socket) => once(socket, how === 'closed' ? 'finish' : 'close'));
        if (how === 'said goodbye to') for (const session of vendor.sessions) session.close();
        else for (const socket of vendor.connections) how === 'closed' ? socket.end() : socket.resetAndDestroy();
        await Promise.race(gone);
        const next = await rpc(upstream).catch((fault: { readonly consequence: string }) => fault.consequence);
        expect(next === 'retry' || typeof next === 'object').toBe(true);
      }
    },
  );
});

describe('a server of which it is not known what it did', () => {
  test.each([
    ['resets the stream with CANCEL', resetStream(cancel)],
    ['resets the stream with INTERNAL_ERROR', resetStream(internalError)],
    ['ends the stream without an answer', resetStream(noError)],
    ['cuts the connection', (stream: Parameters<GrpcVendor['reply']>[0]) => void stream.session?.socket.destroy()],
  ])('one that %s has lost the answer', async (_what, reply) => {
    vendor.reply = reply;
    expect(await meaningsOf(connect())).toEqual(lost);
  });

  test.each([noError, enhanceYourCalm])(
    'a GOAWAY with code %i whose last stream is ours, before the connection ends, has lost the answer',
    async (code) => {
      const frames = await startFrames((peer, id) => {
        peer.goaway(id, code);
        peer.end();
      });
      expect(await meaningsOf(connect({ baseUrl: frames.url }))).toEqual(lost);
      expect(frames.requests).toBe(2);
    },
  );

  test('a stream that is refused after its answer has begun has lost the answer', async () => {
    const frames = await startFrames((peer, id) => {
      peer.beginAnswer(id);
      peer.reset(id, refusedStream);
    });
    expect(await meaningsOf(connect({ baseUrl: frames.url }))).toEqual(lost);
  });

  test('a server that speaks HTTP/1.1 has given no answer that can be read', async () => {
    const other = await startVendor();
    stops.push(other.stop);
    const fault = await faultOf(rpc(connect({ baseUrl: other.url })));
    expect(fault.consequence).toBe('unknown');
    expect(other.received).toEqual([]);
  });
});

describe('time and giving up', () => {
  test('a call that is not answered in time is lost, its stream is reset, and the connection is kept', async () => {
    const upstream = connect({ timeoutMs: 300 });
    vendor.reply = grpcSilence;
    expect(await meaningsOf(upstream)).toEqual({ ...lost, kind: 'timeout' });
    vendor.reply = grpcAnswer('pong');
    await rpc(upstream);
    expect(vendor).toMatchObject({ accepted: 1, open: 0 });
  });

  test('a connection on which nothing arrives any more is replaced, and meanwhile no call is sent over it', async () => {
    const relay = await startRelay(vendor.url);
    stops.push(relay.stop);
    const upstream = connect({ baseUrl: relay.url, timeoutMs: 400, maxConnections: 1 });
    await rpc(upstream);
    relay.freeze();
    expect(await faultOf(rpc(upstream))).toMatchObject({ consequence: 'unknown', kind: 'timeout' });
    // undici asks the peer whether it is there, and takes it for dead after a second.
    expect(await faultOf(rpc(upstream))).toMatchObject({ consequence: 'retry', kind: 'timeout' });
    const ask = () =>
      rpc(upstream).then(
        ({ body }) => body,
        () => null,
      );
    await expect.poll(ask, { timeout: 30_000 }).toBe('pong');
    expect(vendor.accepted).toBe(2);
  });

  test('a call that waits for a stream times out unsent', async () => {
    const narrow = await startGrpcVendor({ maxConcurrentStreams: 1 });
    stops.push(narrow.stop);
    const upstream = connect({ baseUrl: narrow.url, maxConnections: 1, timeoutMs: 500 });
    await rpc(upstream);
    narrow.reply = grpcSilence;
    const [first, second] = [faultOf(rpc(upstream, { holdMs: 2000 })), faultOf(rpc(upstream))];
    expect(await second).toMatchObject({ consequence: 'retry', kind: 'timeout' });
    expect(narrow.received).toHaveLength(2);
    expect(await first).toMatchObject({ consequence: 'unknown', kind: 'timeout' });
  });

  test.each([
    ['before it was made', 'retry', 0],
    ['while its connection is made', 'retry', 0],
    ['while it is answered', 'unknown', 1],
  ])('a call that is given up %s is %s', async (when, consequence, received) => {
    const abort = new AbortController();
    if (when === 'before it was made') abort.abort();
    if (when === 'while its connection is made') vendor.greet = () => abort.abort();
    vendor.reply = () => abort.abort();
    expect(await faultOf(rpc(connect(), { signal: abort.signal }))).toMatchObject({ consequence, kind: 'aborted' });
    expect(vendor.received).toHaveLength(received);
  });
});

describe('the fence', () => {
  test('nothing is sent while the fence is down, and the connection stays in use', async () => {
    let isUp = true;
    const upstream = connect({ fence: () => isUp });
    await rpc(upstream);
    isUp = false;
    expect(await meaningsOf(upstream)).toEqual({ start: 'retry', look: 'retry', kind: 'aborted' });
    isUp = true;
    await rpc(upstream);
    expect([vendor.received.length, vendor.accepted]).toEqual([2, 1]);
  });

  test('the fence is asked when the request is written, not when the call is made', async () => {
    let isUp = true;
    vendor.greet = () => {
      isUp = false;
    };
    expect(await faultOf(rpc(connect({ fence: () => isUp })))).toMatchObject({ consequence: 'retry', kind: 'aborted' });
    expect([vendor.received.length, vendor.accepted]).toEqual([0, 1]);
  });
});

describe('connections', () => {
  test('calls at the same time share one connection, as many as the peer allows; further ones wait for a stream', async () => {
    const narrow = await startGrpcVendor({ maxConcurrentStreams: 4 });
    stops.push(narrow.stop);
    const upstream = connect({ baseUrl: narrow.url, maxConnections: 1 });
    await rpc(upstream);
    narrow.reply = (stream, received) => setImmediate(() => grpcAnswer('pong')(stream, received));
    await Promise.all(Array.from({ length: 30 }, () => rpc(upstream)));
    expect([narrow.accepted, narrow.mostOpen, narrow.received.length]).toEqual([1, 4, 31]);
  });

  test('further connections are opened where the first has no stream left, up to their bound', async () => {
    const narrow = await startGrpcVendor({ maxConcurrentStreams: 2 });
    stops.push(narrow.stop);
    const upstream = connect({ baseUrl: narrow.url, maxConnections: 3 });
    await rpc(upstream);
    narrow.reply = (stream, received) => setTimeout(() => grpcAnswer('pong')(stream, received), 20);
    await Promise.all(Array.from({ length: 30 }, () => rpc(upstream)));
    expect(narrow.accepted).toBeGreaterThan(1);
    expect(narrow.accepted).toBeLessThanOrEqual(3);
  });

  test('half of the streams may be held: of a hundred on each connection, or of as many as the peer allows', async () => {
    const narrow = await startGrpcVendor({ maxConcurrentStreams: 6 });
    stops.push(narrow.stop);
    const upstream = connect({ baseUrl: narrow.url, maxConnections: 3 });
    expect(upstream.client.maxHeldRpcs()).toBe(150);
    await rpc(upstream);
    await expect.poll(() => upstream.client.maxHeldRpcs()).toBe(9);
    const wide = connect({ maxConnections: 3 });
    await rpc(wide);
    await turn();
    expect(wide.client.maxHeldRpcs()).toBe(150);
    expect(upstream.client.maxHeldRpcs()).toBe(9);
  });

  test('closing waits for the call under way, refuses further ones, and closes the connections', async () => {
    const upstream = connect();
    let finish = (): void => {};
    vendor.reply = (stream, received) => {
      finish = () => grpcAnswer('pong')(stream, received);
    };
    const underWay = rpc(upstream);
    await expect.poll(() => vendor.received.length).toBe(1);
    const closed = upstream.close();
    expect(await faultOf(rpc(upstream))).toMatchObject({ consequence: 'retry', kind: 'aborted' });
    finish();
    expect((await underWay).body).toBe('pong');
    await closed;
    await expect.poll(() => vendor.connections.size).toBe(0);
  });
});
