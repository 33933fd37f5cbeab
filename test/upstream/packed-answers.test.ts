import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import zlib from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createRedactor } from '../../src/observability/redaction.ts';
import { connectUpstream } from '../../src/upstream/connect.ts';
import { faultOf } from '../adapters/adapter-contract.ts';
import { upstreamOptions } from './upstream-options.ts';
import { startVendor } from './vendor-server.ts';

const text = '{"runId":"r-1","name":"José 😀","n":9007199254740993}';
const isSomething = z.unknown().refine((value) => value !== undefined && value !== null);

const calls = {
  start: { purpose: 'start', retry: 'at-most-once', method: 'POST', body: {} },
  observe: { purpose: 'observe', retry: 'safe', method: 'GET', body: undefined },
  resume: { purpose: 'resume', retry: 'at-most-once', method: 'POST', body: 1 },
} as const;

async function call(baseUrl: string, purpose: keyof typeof calls = 'start', maxAnswerBytes = 1_000_000) {
  const upstream = connectUpstream({ ...upstreamOptions, baseUrl, secrets: [], createRedactor, maxAnswerBytes });
  try {
    const { body, ...rest } = calls[purpose];
    return await upstream.client.call({
      ...rest,
      ...(body === undefined ? {} : { body }),
      path: '/x',
      answer: isSomething,
      errorMessage: (answer) => JSON.stringify(answer),
      signal: new AbortController().signal,
    });
  } finally {
    await upstream.close();
  }
}

async function ask(bytes: Uint8Array, headers: Readonly<Record<string, string>>, status = 201, max?: number) {
  const vendor = await startVendor((response) => response.writeHead(status, headers).end(bytes));
  try {
    return { answer: await call(vendor.url, 'start', max), asked: vendor.received[0] };
  } finally {
    await vendor.stop();
  }
}

const json = { 'content-type': 'application/json' };
const packed = (name: string) => ({ ...json, 'content-encoding': name });

describe('a packed answer', () => {
  test.each([
    ['gzip', zlib.gzipSync(text)],
    ['GZIP', zlib.gzipSync(text)],
    ['x-gzip', zlib.gzipSync(text)],
    ['deflate', zlib.deflateSync(text)],
    ['deflate', zlib.deflateRawSync(text)],
    ['br', zlib.brotliCompressSync(text)],
    ['zstd', zlib.zstdCompressSync(text)],
    ['identity', Buffer.from(text)],
    ['gzip, br', zlib.brotliCompressSync(zlib.gzipSync(text))],
  ])('as %s is read', async (name, bytes) => {
    const { answer, asked } = await ask(bytes, packed(name));
    expect(JSON.stringify(answer.raw)).toBe(text);
    expect(asked?.headers['accept-encoding']).toBe('gzip, deflate, br, zstd');
  });

  const bomb = Buffer.alloc(50_000_000, 0x20);
  test.each([
    ['gzip', zlib.gzipSync(bomb)],
    ['deflate', zlib.deflateSync(bomb)],
    ['br', zlib.brotliCompressSync(bomb)],
    ['zstd', zlib.zstdCompressSync(bomb)],
    ['gzip, gzip', zlib.gzipSync(zlib.gzipSync(bomb))],
  ])('that would unpack to far more than is taken is too large, as %s', async (name, bytes) => {
    const before = process.memoryUsage.rss();
    const fault = await faultOf(ask(bytes, packed(name)));
    expect(fault).toMatchObject({ kind: 'too-large', consequence: 'unknown' });
    expect(process.memoryUsage.rss() - before).toBeLessThan(30_000_000);
  });

  test.each([
    ['gzip', Buffer.from(text), "the content encoding gzip of the vendor's answer is broken"],
    ['gzip', zlib.gzipSync(text).subarray(0, -9), "the content encoding gzip of the vendor's answer is broken"],
    ['deflate', Buffer.from(text), "the content encoding deflate of the vendor's answer is broken"],
    ['br', Buffer.from(text), "the content encoding br of the vendor's answer is broken"],
    ['zstd', zlib.zstdCompressSync(text).subarray(0, -5), "the content encoding zstd of the vendor's answer is broken"],
    ['compress', Buffer.from(text), "the vendor's answer has a content encoding that was not asked for"],
    ['gzip, gzip, gzip, gzip', zlib.gzipSync(text), "the vendor's answer is packed too often"],
  ])('that is broken, as %s, is malformed and says so', async (name, bytes, message) => {
    expect(await faultOf(ask(bytes, packed(name)))).toMatchObject({
      kind: 'malformed',
      consequence: 'unknown',
      message,
    });
  });

  test('with an error status keeps it, whether it can be unpacked or not', async () => {
    const said = zlib.gzipSync('{"message":"no credit"}');
    const fault = await faultOf(ask(said, packed('gzip'), 402));
    expect(fault).toMatchObject({ httpStatus: 402, consequence: 'rejected', message: '{"message":"no credit"}' });
    expect(await faultOf(ask(Buffer.from('x'), packed('gzip'), 402))).toMatchObject({
      httpStatus: 402,
      message: 'the vendor answered 402',
    });
  });
});

describe('the charset of an answer', () => {
  const name = '{"name":"José"}';
  test.each([
    ['application/json', Buffer.from(name)],
    ['application/json; charset=UTF-8', Buffer.from(name)],
    ['application/json;charset="utf8"', Buffer.from(name)],
    ['application/json; charset=iso-8859-1', Buffer.from(name, 'latin1')],
    ['application/json; charset=windows-1252', Buffer.from(name, 'latin1')],
    ['application/json; charset=utf-16le', Buffer.from(`\ufeff${name}`, 'utf16le')],
    ['text/plain; format=flowed; Charset=latin1', Buffer.from(name, 'latin1')],
  ])('%s is heeded', async (type, bytes) => {
    expect((await ask(bytes, { 'content-type': type })).answer.raw).toEqual({ name: 'José' });
  });

  test.each([
    ['application/json', Buffer.from(name, 'latin1'), "the vendor's answer has bytes that are not UTF-8"],
    ['application/json', Buffer.from('22eda08022', 'hex'), "the vendor's answer has bytes that are not UTF-8"],
    ['application/json', Buffer.from('22c0af22', 'hex'), "the vendor's answer has bytes that are not UTF-8"],
    [
      'application/json; charset=us-klingon',
      Buffer.from(name),
      "the vendor's answer declares a charset that is not known",
    ],
    [
      'application/json; charset=utf-16le',
      Buffer.from('220000d82200', 'hex'),
      "the vendor's answer has bytes that are not UTF-16LE",
    ],
    [
      'application/json; charset=shift_jis',
      Buffer.from('22ff22', 'hex'),
      "the vendor's answer has bytes that are not SHIFT_JIS",
    ],
  ])('%s is refused in words where the bytes mean nothing in it, never replaced', async (type, bytes, message) => {
    expect(await faultOf(ask(bytes, { 'content-type': type }))).toMatchObject({ kind: 'malformed', message });
  });

  test('a replacement character that the vendor sent is passed on', async () => {
    expect((await ask(Buffer.from('"\ufffd"'), json)).answer.raw).toBe('\ufffd');
  });
});

describe('an informational answer that was not asked for', () => {
  const final = `HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: 3\r\n\r\n"r"`;
  const informational = {
    '100': 'HTTP/1.1 100 Continue\r\n\r\n',
    '102': 'HTTP/1.1 102 Processing\r\n\r\n',
    '103': 'HTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload\r\n\r\n',
    '100 with a header': 'HTTP/1.1 100 Continue\r\nx-a: b\r\n\r\n',
  };
  const rows = [
    ...Object.entries(informational).map(([name, head]) => [name, [head]] as const),
    ['100, 103, 100', [informational['100'], informational['103'], informational['100']]] as const,
  ];

  async function askRaw(parts: readonly string[], purpose: keyof typeof calls) {
    const sockets = new Set<Socket>();
    let requests = 0;
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('data', () => {
        requests += 1;
        const send = ([first, ...rest]: readonly string[]): void => {
          // Each part in a segment of its own.
          if (first !== undefined) socket.write(first, () => setImmediate(() => send(rest)));
        };
        send(parts);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const { raw } = await call(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, purpose);
      return { raw, requests };
    } finally {
      for (const socket of sockets) socket.destroy();
      server.close();
    }
  }

  describe.each(['start', 'observe', 'resume'] as const)('to a call of the purpose %s', (purpose) => {
    test.each(rows)('%s before the answer is no fault', async (_name, heads) => {
      expect(await askRaw([...heads, final], purpose)).toEqual({ raw: 'r', requests: 1 });
      expect(await askRaw([heads.join('') + final], purpose)).toEqual({ raw: 'r', requests: 1 });
      expect(await askRaw([...heads.join(''), final], purpose)).toEqual({ raw: 'r', requests: 1 });
    });
  });
});
