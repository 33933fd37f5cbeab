import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Credentials, OutgoingRequest } from '../../src/contract/adapter/http.ts';
import type { Log } from '../../src/contract/domain/log.ts';
import { connectUpstream, type Upstream, type UpstreamOptions } from '../../src/upstream/connect.ts';
import { frameMessage } from '../../src/upstream/grpc-frame.ts';
import { faultOf } from '../adapters/adapter-contract.ts';
import { type GrpcVendor, grpcAnswer, grpcBytes, grpcError, grpcSilence, startGrpcVendor } from './grpc-vendor.ts';
import { rpc } from './rpc-rig.ts';
import { upstreamOptions } from './upstream-options.ts';

let vendor: GrpcVendor;
const opened: Upstream[] = [];

beforeEach(async () => {
  vendor = await startGrpcVendor();
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

const done = { 'grpc-status': '0' } as const;
const framed = (text: string) => frameMessage(Buffer.from(text));
const compressed = (bytes: Uint8Array) => {
  const frame = Buffer.from(frameMessage(bytes));
  frame[0] = 1;
  return frame;
};

describe('the request of a gRPC call', () => {
  test('the message goes out framed, with the headers that gRPC asks for, the metadata and a deadline', async () => {
    await rpc(connect({ timeoutMs: 5000 }), { metadata: { 'x-tenant': 'a', 'x-key-bin': 'AQI=' }, holdMs: 2000 });
    const [{ path, message, headers } = { path: '', message: '', headers: {} }] = vendor.received;
    expect({ path, message }).toEqual({ path: '/test.Service/Ping', message: 'ping' });
    expect(headers).toMatchObject({
      ':method': 'POST',
      ':scheme': 'http',
      'content-type': 'application/grpc',
      te: 'trailers',
      'grpc-accept-encoding': 'identity,gzip',
      'grpc-timeout': '7000m',
      'user-agent': 'rungate',
      'x-tenant': 'a',
      'x-key-bin': 'AQI=',
    });
    expect(headers).not.toHaveProperty('accept-encoding');
  });

  test('a deadline of more than eight digits is said in eight', async () => {
    await rpc(connect({ timeoutMs: 100_000_000 }));
    expect(vendor.received[0]?.headers['grpc-timeout']).toBe('99999999m');
  });

  test('an empty message is sent as a frame of no bytes', async () => {
    await rpc(connect(), { message: new Uint8Array() });
    expect(vendor.received[0]?.message).toBe('');
  });

  test('a path of the base URL comes before that of the call, and its password is sent as basic authentication', async () => {
    await rpc(connect({ baseUrl: `${vendor.url.replace('//', '//me:pass%21@')}/grpc/` }));
    expect(vendor.received[0]?.path).toBe('/grpc/test.Service/Ping');
    expect(vendor.received[0]?.headers.authorization).toBe(`Basic ${Buffer.from('me:pass!').toString('base64')}`);
  });

  test('credentials are made for a request without a body, and their secrets are taken out of the answer', async () => {
    const asked: OutgoingRequest[] = [];
    const authorize = async (request: OutgoingRequest): Promise<Credentials> => {
      asked.push(request);
      return { headers: { authorization: 'Bearer made-at-run-time' }, secrets: ['made-at-run-time'] };
    };
    vendor.reply = (stream, received) => grpcAnswer(`you sent ${received.headers.authorization}`)(stream, received);
    const { raw } = await rpc(connect(), { authorize });
    expect(raw).toBe('you sent Bearer [redacted]');
    expect(asked).toMatchObject([{ method: 'POST', url: `${vendor.url}/test.Service/Ping`, body: null }]);
  });

  test('metadata that HTTP cannot carry is refused, and nothing is sent', async () => {
    const fault = await faultOf(rpc(connect(), { metadata: { 'x-bad': 'a\nb' } }));
    expect(fault).toMatchObject({ consequence: 'rejected', kind: 'malformed' });
    expect(vendor.received).toEqual([]);
  });
});

describe('the answer of a gRPC call', () => {
  test('the message is decoded, checked, and shown with headers, trailers and its size', async () => {
    vendor.reply = grpcBytes(framed('{"n":1}'), { ...done, 'x-last': 'b' }, { 'x-first': 'a' });
    const decode = (message: Uint8Array) => JSON.parse(Buffer.from(message).toString()) as { n: number };
    const answer = await rpc(connect(), { decode, answer: z.looseObject({ n: z.number() }) as never });
    expect(answer).toMatchObject({ body: { n: 1 }, raw: { n: 1 }, bytes: 7 });
    expect(answer.headers['x-first']).toBe('a');
    expect(answer.trailers).toMatchObject({ 'grpc-status': '0', 'x-last': 'b' });
  });

  test('secrets are taken out of the decoded answer, the headers and the trailers, whatever they were packed in', async () => {
    const secret = 'top "secret" value';
    const hidden = encodeURIComponent(secret);
    const base64 = Buffer.from(`it is ${secret}`).toString('base64');
    vendor.reply = grpcBytes(framed(base64), { ...done, 'x-last': hidden }, { 'x-first': hidden });
    const upstream = connect({ secrets: [secret] });
    const decode = (message: Uint8Array) => ({
      [secret]: Buffer.from(Buffer.from(message).toString(), 'base64').toString(),
    });
    const answer = await rpc(upstream, { decode });
    expect(answer.raw).toEqual({ '[redacted]': 'it is [redacted]' });
    expect(answer.body).toEqual(answer.raw);
    expect([answer.headers['x-first'], answer.trailers['x-last']]).toEqual(['[redacted]', '[redacted]']);
    expect(upstream.client.redact({ deep: [secret] })).toEqual({ deep: ['[redacted]'] });
  });

  test('a message of several megabytes arrives whole', async () => {
    const text = 'x'.repeat(6 * 1024 * 1024);
    vendor.reply = grpcAnswer(text);
    const { body } = await rpc(connect());
    expect(body === text).toBe(true);
  });

  test('a compressed message is unpacked', async () => {
    const text = 'again and '.repeat(5000);
    vendor.reply = grpcBytes(compressed(gzipSync(text)), done, { 'grpc-encoding': 'gzip' });
    const { body, bytes } = await rpc(connect());
    expect([body === text, bytes]).toEqual([true, text.length]);
  });

  test('an answer whose trailers come a while after its message is whole', async () => {
    vendor.reply = (stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => setImmediate(() => stream.sendTrailers(done)));
      for (const byte of framed('pong')) stream.write(Uint8Array.of(byte));
      stream.end();
    };
    expect((await rpc(connect())).body).toBe('pong');
  });
});

describe('an answer that cannot be used is a lost one', () => {
  const type = 'application/grpc';
  test.each([
    ['has no trailers', grpcBytes(framed('pong'), null), "the vendor's answer ended without a gRPC status"],
    ['has a status that is no number', grpcBytes(framed('pong'), { 'grpc-status': 'fine' }), 'ended without a gRPC'],
    ['has no message', grpcBytes(new Uint8Array(), done), "the vendor's answer has no message"],
    ['has two messages', grpcBytes(Buffer.concat([framed('a'), framed('b')]), done), 'has more than one message'],
    ['has half a message', grpcBytes(framed('pong').subarray(0, 7), done), 'ends within a message'],
    ['is a page', grpcBytes(Buffer.from('<html>'), done, { 'content-type': 'text/html' }), 'is not gRPC'],
    [
      'is compressed in another way',
      grpcBytes(compressed(Buffer.from('x')), done, { 'grpc-encoding': 'snappy' }),
      'was not asked for',
    ],
    ['is said to be compressed and names no way', grpcBytes(compressed(Buffer.from('x')), done), 'was not asked for'],
    [
      'has a broken compression',
      grpcBytes(compressed(Buffer.from('x')), done, { 'grpc-encoding': 'gzip' }),
      'is broken',
    ],
  ])('one that %s', async (_what, reply, words) => {
    vendor.reply = reply;
    const fault = await faultOf(rpc(connect()));
    expect(fault).toMatchObject({ consequence: 'unknown', kind: 'malformed', rpc: null });
    expect(fault.message).toContain(words);
    expect(await faultOf(rpc(connect(), { retry: 'safe' }))).toMatchObject({ consequence: 'retry' });
  });

  test('one that the adapter cannot decode, without the secrets in its reason', async () => {
    const decode = () => {
      throw new RangeError('no field 9 in hunter22');
    };
    const fault = await faultOf(rpc(connect({ secrets: ['hunter22'] }), { decode }));
    expect(fault).toMatchObject({ consequence: 'unknown', kind: 'malformed' });
    expect(fault.message).toBe("the vendor's answer cannot be decoded: no field 9 in [redacted]");
  });

  test('one that has another shape', async () => {
    const decode = () => ({ runId: 7 });
    const fault = await faultOf(rpc(connect(), { decode, answer: z.object({ runId: z.string() }) as never }));
    expect(fault).toMatchObject({ consequence: 'unknown', kind: 'malformed' });
    expect(fault.message).toBe("the vendor's answer has not the expected shape (runId)");
  });

  test('one that is larger than allowed, on the wire or unpacked', async () => {
    const upstream = connect({ maxAnswerBytes: 1000 });
    vendor.reply = grpcAnswer('x'.repeat(1000));
    await rpc(upstream);
    const tooMuch = Buffer.alloc(100_000);
    const tooLarge = { consequence: 'unknown', kind: 'too-large' };
    vendor.reply = grpcAnswer('x'.repeat(1001));
    expect(await faultOf(rpc(upstream))).toMatchObject(tooLarge);
    vendor.reply = grpcBytes(compressed(gzipSync(tooMuch)), done, { 'grpc-encoding': 'gzip' });
    expect(await faultOf(rpc(upstream))).toMatchObject(tooLarge);
    vendor.reply = grpcAnswer('pong');
    await rpc(upstream);
    expect(vendor.accepted).toBe(1);
  });

  test('one that trickles on for longer than the call may take', async () => {
    const upstream = connect({ timeoutMs: 300 });
    let trickle: NodeJS.Timeout | undefined;
    vendor.reply = (stream) => {
      stream.respond({ ':status': 200, 'content-type': type });
      trickle = setInterval(() => stream.write('\0'), 20);
      stream.once('close', () => clearInterval(trickle));
    };
    expect(await faultOf(rpc(upstream))).toMatchObject({ consequence: 'unknown', kind: 'timeout' });
  });
});

describe('a status of the server', () => {
  test('it is a fault with its code, its message, its details and the HTTP status that stands for it', async () => {
    vendor.reply = grpcError(6, 'already%20there', { 'grpc-status-details-bin': 'CAY=' });
    const fault = await faultOf(rpc(connect()));
    expect(fault).toMatchObject({ consequence: 'rejected', kind: 'http-status', httpStatus: 409 });
    expect(fault.message).toBe('already there');
    expect(fault.rpc).toEqual({ code: 6, message: 'already there', details: Buffer.from([8, 6]) });
    expect(fault.headers).toMatchObject({ 'grpc-status': '6', 'content-type': 'application/grpc' });
  });

  test('it stands in trailers behind a message, and behind an HTTP status that says otherwise', async () => {
    vendor.reply = grpcBytes(framed('half a result'), { 'grpc-status': '5', 'grpc-message': 'gone' });
    expect(await faultOf(rpc(connect()))).toMatchObject({ rpc: { code: 5 }, message: 'gone' });
    vendor.reply = grpcError(7, 'no', { ':status': '503' });
    expect(await faultOf(rpc(connect()))).toMatchObject({ rpc: { code: 7 }, httpStatus: 403, consequence: 'rejected' });
  });

  test('the adapter says what it means, and may leave it to the usual rule', async () => {
    const meaningOf = ({ code, message }: { readonly code: number; readonly message: string }) =>
      code === 14 && message === 'draining' ? ('retry' as const) : null;
    vendor.reply = grpcError(14, 'draining');
    expect(await faultOf(rpc(connect(), { meaningOf }))).toMatchObject({ consequence: 'retry' });
    vendor.reply = grpcError(14, 'lost');
    expect(await faultOf(rpc(connect(), { meaningOf }))).toMatchObject({ consequence: 'unknown' });
  });

  test('a message has no secrets and no line breaks, and an empty one is replaced by the name of the code', async () => {
    vendor.reply = grpcError(3, 'bad%0Ahunter22');
    const fault = await faultOf(rpc(connect({ secrets: ['hunter22'] })));
    expect([fault.message, fault.rpc?.message]).toEqual(['bad [redacted]', 'bad [redacted]']);
    vendor.reply = grpcError(3);
    expect((await faultOf(rpc(connect()))).message).toBe(
      'the vendor answered with the gRPC status 3 (INVALID_ARGUMENT)',
    );
  });

  test.each([
    ['grpc-retry-pushback-ms', '1500', 1500],
    ['retry-after', '3', 3000],
    ['grpc-retry-pushback-ms', '-1', null],
  ])('%s: %s has the run wait %s ms', async (name, value, retryAfterMs) => {
    vendor.reply = grpcError(14, 'busy', { [name]: value });
    const consequence = retryAfterMs === null ? 'unknown' : 'retry';
    expect(await faultOf(rpc(connect()))).toMatchObject({ retryAfterMs, consequence, httpStatus: 503 });
  });
});

test.each([
  [503, {}, 'unknown', null],
  [503, { 'retry-after': '2' }, 'retry', 2000],
  [502, {}, 'unknown', null],
  [401, {}, 'rejected', null],
  [302, { location: 'https://elsewhere.example/' }, 'rejected', null],
])('an HTTP %i of a proxy with %j is %s', async (status, headers, consequence, retryAfterMs) => {
  vendor.reply = (stream) => {
    stream.respond({ ':status': status, 'content-type': 'text/html', ...headers });
    stream.end('<h1>no</h1>');
  };
  const fault = await faultOf(rpc(connect()));
  expect(fault).toMatchObject({ consequence, kind: 'http-status', httpStatus: status, retryAfterMs, rpc: null });
  expect(fault.message).toBe(`the vendor answered ${status}`);
});

test('each call asks to be admitted, says how it ended, and is logged where it failed', async () => {
  const seen: string[] = [];
  const logged: unknown[] = [];
  const log = { debug: (fields: unknown) => logged.push(fields) } as unknown as Log;
  const admission = () => ({
    enter: () => {
      seen.push('enter');
      return { settle: (error: unknown) => void seen.push(error === null ? 'answered' : 'failed') };
    },
  });
  const upstream = connect({ admission, log });
  await rpc(upstream);
  vendor.reply = grpcError(13, 'broken');
  await faultOf(rpc(upstream));
  expect(seen).toEqual(['enter', 'answered', 'enter', 'failed']);
  expect(logged).toMatchObject([{ purpose: 'start', kind: 'http-status', grpc_status: 13, consequence: 'unknown' }]);
});

test('a call that is not admitted opens no connection', async () => {
  const admission = () => ({ enter: async () => null });
  expect(await faultOf(rpc(connect({ admission })))).toMatchObject({ consequence: 'retry', kind: 'aborted' });
  expect(vendor.accepted).toBe(0);
});

test('a call that the vendor may hold has so much more time', async () => {
  const upstream = connect({ timeoutMs: 200 });
  let held = 0;
  vendor.reply = (stream, received) => {
    held += 1;
    setTimeout(() => grpcAnswer('late')(stream, received), 400);
  };
  expect((await rpc(upstream, { holdMs: 5000 })).body).toBe('late');
  vendor.reply = grpcSilence;
  expect(await faultOf(rpc(upstream))).toMatchObject({ kind: 'timeout' });
  expect(held).toBe(1);
});
