import { once } from 'node:events';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import type { AnswerEvents, HttpCall } from '../../src/contract/adapter/http.ts';
import { connectUpstream, type Upstream } from '../../src/upstream/connect.ts';
import { faultOf } from '../adapters/adapter-contract.ts';
import { upstreamOptions } from './upstream-options.ts';
import { answer, type Reply, startVendor, type Vendor } from './vendor-server.ts';

const secret = 'secret-of-the-stream';
let vendor: Vendor;
let upstream: Upstream;

beforeEach(async () => {
  vendor = await startVendor();
  const options = { ...upstreamOptions, timeoutMs: 400, maxAnswerBytes: 400_000, secrets: [secret] };
  upstream = connectUpstream({ ...options, baseUrl: vendor.url });
});
afterEach(async () => {
  await vendor.stop();
  await upstream.close();
});

const call: HttpCall<unknown> = {
  ...{ purpose: 'start', method: 'POST', path: '/', retry: 'at-most-once' },
  ...{ answer: z.unknown(), readsBody: true, errorMessage: () => null, events: {} },
};
const type = { 'content-type': 'text/event-stream; charset=utf-8' };

/** Sends these pieces of a stream; `end` left out, the stream goes on for as long as it is listened to. */
function stream(pieces: readonly (string | Buffer)[], end?: 'end' | 'cut'): Reply {
  return async (response) => {
    response.writeHead(200, type);
    for (const piece of pieces) await new Promise((written) => response.write(piece, written));
    if (end === 'end') response.end();
    if (end === 'cut') response.socket?.destroy();
  };
}

async function read(events: AnswerEvents = {}) {
  return (await upstream.client.call({ ...call, events })).raw;
}

const hasId: AnswerEvents = { isEnough: ({ data }) => (data as { id?: string }).id !== undefined };

test('the events of a stream are read to its end, with JSON where their data is JSON', async () => {
  vendor.reply = stream(
    [
      ': hello\n\nevent: started\nid: 7\ndata: {"id":\ndata: 1}\n\n',
      'data: plain words\r\n\r\ndata: [9007199254740993]\n\n',
    ],
    'end',
  );
  const { raw, headers, bytes } = await upstream.client.call(call);
  expect(JSON.stringify(raw)).toBe(
    '{"events":[{"event":"started","data":{"id":1}},{"event":"message","data":"plain words"},{"event":"message","data":[9007199254740993]}]}',
  );
  expect(headers['content-type']).toBe(type['content-type']);
  expect(bytes).toBeGreaterThan(90);
});

test('a stream whose last event is not closed by an empty line is read whole', async () => {
  vendor.reply = stream(['data: {"a":1}\n\ndata: {"b":2}'], 'end');
  expect(await read()).toEqual({
    events: [
      { event: 'message', data: { a: 1 } },
      { event: 'message', data: { b: 2 } },
    ],
  });
});

test('a stream is asked for unpacked, and only where the call takes one', async () => {
  vendor.reply = answer(200, {});
  await upstream.client.call(call);
  await upstream.client.call({ ...call, events: undefined });
  expect(vendor.received.map(({ headers }) => [headers.accept, headers['accept-encoding']])).toEqual([
    ['application/json, text/event-stream', 'identity'],
    ['application/json', 'gzip, deflate, br, zstd'],
  ]);
});

test('JSON is taken as JSON by a call that would take a stream', async () => {
  vendor.reply = answer(200, { events: 1 });
  expect(await read()).toEqual({ events: 1 });
});

test('a stream that goes on is let go at the event that is enough, and its connection is closed', async () => {
  vendor.reply = stream(['event: ping\n\ndata: {"n":1}\n\nda', 'ta: {"id":"r-1"}', '\n\ndata: {"id":"r-2"}\n\n']);
  expect(await read(hasId)).toEqual({
    events: [
      { event: 'message', data: { n: 1 } },
      { event: 'message', data: { id: 'r-1' } },
    ],
  });
  for (const socket of vendor.connections) await once(socket, 'close');
  vendor.reply = stream(['data: {"id":"r-3"}\n\n']);
  expect(await read(hasId)).toEqual({ events: [{ event: 'message', data: { id: 'r-3' } }] });
  expect(vendor.accepted).toBe(2);
});

test('a character that is cut between two pieces of a stream arrives whole', async () => {
  const bytes = Buffer.from('data: {"id":"ä€"}\n\n');
  vendor.reply = stream([bytes.subarray(0, 13), bytes.subarray(13, 15), bytes.subarray(15)]);
  expect(await read(hasId)).toEqual({ events: [{ event: 'message', data: { id: 'ä€' } }] });
});

test('an event too large to be parsed at once is enough all the same', async () => {
  const filler = 'x'.repeat(300_000);
  vendor.reply = stream([`data: ${JSON.stringify({ id: 'large', filler })}\n\n`, 'data: {"n":2}\n\n']);
  expect(await read(hasId)).toEqual({ events: [{ event: 'message', data: { id: 'large', filler } }] });
});

test('a packed stream is read to its end, and gives what is enough', async () => {
  const packed = gzipSync('data: {"id":"r-1"}\n\ndata: {"id":"r-2"}\n\n');
  vendor.reply = (response) => {
    response.writeHead(200, { ...type, 'content-encoding': 'gzip' }).end(packed);
  };
  expect(await read(hasId)).toEqual({ events: [{ event: 'message', data: { id: 'r-1' } }] });
});

test.each([
  ['cut before what is enough', stream(['data: {"n":1}\n\n'], 'cut'), 'cut'],
  ['silent before what is enough', stream(['data: {"n":1}\n\n']), 'timeout'],
  ['larger than an answer may be', stream([`data: ${'x'.repeat(450_000)}\n\n`]), 'too-large'],
  ['not text', stream([Buffer.from([0x64, 0x3a, 0xff, 0x0a])], 'end'), 'malformed'],
  ['nested too deeply', stream([`data: ${'['.repeat(600)}${']'.repeat(600)}\n\n`], 'end'), 'malformed'],
])('a stream that is %s leaves the outcome unknown', async (_name, reply, kind) => {
  vendor.reply = reply;
  const fault = await faultOf(upstream.client.call({ ...call, events: hasId }));
  expect(fault).toMatchObject({ consequence: 'unknown', kind });
});

test('a stream without a byte is an answer without a body', async () => {
  vendor.reply = stream([], 'end');
  expect(await read(hasId)).toBeNull();
});

test('a stream that was not asked for is malformed', async () => {
  vendor.reply = stream(['data: {"id":1}\n\n'], 'end');
  const fault = await faultOf(upstream.client.call({ ...call, events: undefined }));
  expect(fault).toMatchObject({ kind: 'malformed', message: "the vendor's answer is not JSON" });
});

test('a secret in an event goes no further', async () => {
  vendor.reply = stream([`data: {"said":"${secret}"}\n\ndata: ${secret}\n\n`], 'end');
  expect(JSON.stringify(await read())).toBe(
    '{"events":[{"event":"message","data":{"said":"[redacted]"}},{"event":"message","data":"[redacted]"}]}',
  );
});
