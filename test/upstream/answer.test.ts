import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { arrivals } from '../../src/compute/arrivals.ts';
import type { HttpCall } from '../../src/contract/adapter/http.ts';
import type { Json } from '../../src/contract/domain/json.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import { createRedactor } from '../../src/observability/redaction.ts';
import { connectUpstream, type Upstream } from '../../src/upstream/connect.ts';
import { faultOf } from '../adapters/adapter-contract.ts';
import { upstreamOptions } from './upstream-options.ts';
import { answer, startVendor, type Vendor } from './vendor-server.ts';

const secret = 'top"secret\\äß';

describe('answers', () => {
  let vendor: Vendor;
  let upstream: Upstream;

  beforeEach(async () => {
    vendor = await startVendor();
    upstream = connectUpstream({ ...upstreamOptions, baseUrl: vendor.url, secrets: [secret, 'short'] });
  });
  afterEach(async () => {
    await vendor.stop();
    await upstream.close();
  });

  function call<T>(schema: HttpCall<T>['answer'], more: Pick<HttpCall<T>, 'readsBody'> = {}) {
    return upstream.client.call({
      purpose: 'start',
      retry: 'at-most-once',
      method: 'POST',
      path: '/x',
      body: {},
      answer: schema,
      errorMessage: (body) => (isJsonObject(body) && typeof body.message === 'string' ? body.message : null),
      signal: new AbortController().signal,
      ...more,
    });
  }

  function replyWith(bytes: string | Uint8Array, status = 200, type = 'application/json') {
    vendor.reply = (response) => response.writeHead(status, { 'content-type': type }).end(bytes);
  }

  test('a large answer waits while two large values are on their way, a small one does not, and a cut one gives way', async () => {
    const text = 'x'.repeat(1_500_000);
    vendor.reply = (response, { body }) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': text.length + 2 });
      if (body === '{}' && vendor.received.length <= 2) response.write(`"${text.slice(9)}`, () => response.destroy());
      else response.end(`"${text}"`);
    };
    // Two that are cut leave nothing behind.
    for (let times = 0; times < 2; times += 1) await faultOf(call(z.string()));
    const held = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const following = held.map(({ promise }) => arrivals.follow(promise));
    let isRead = false;
    const large = call(z.string()).then(({ body }) => {
      isRead = true;
      return body;
    });
    await vi.waitFor(() => expect(vendor.received).toHaveLength(3));
    replyWith('{"small":true}');
    for (let times = 0; times < 20; times += 1) expect((await call(z.json())).body).toEqual({ small: true });
    expect(isRead).toBe(false);
    for (const { resolve } of held) resolve();
    await Promise.all(following);
    expect(await large).toBe(text);
  });

  test('the body of an answer is what the schema makes, and raw is what the vendor sent', async () => {
    replyWith('{"a":"1","__proto__":{"b":2}}');
    const { body, raw } = await call(z.object({ a: z.coerce.number() }));
    expect(body).toEqual({ a: 1 });
    expect(JSON.stringify(raw)).toBe('{"a":"1","__proto__":{"b":2}}');
  });

  test.each([
    ['refused', 422, '{"message":"no"}', 'rejected'],
    ['not there', 404, '{"message":"no"}', 'gone'],
    ['not JSON', 200, '<OK>', 'retry'],
    ['of another shape', 200, '{"a":{}}', 'retry'],
  ] as const)(
    'the fault of a result that is %s says that it is one of the result, and the status of the run',
    async (_name, status, bytes, consequence) => {
      replyWith(bytes, status);
      const result = {
        purpose: 'result',
        retry: 'safe',
        faults: { notFound: 'gone' },
        method: 'GET',
        path: '/x/result',
        resultOf: 'COMPLETED',
        answer: z.object({ a: z.string() }),
        errorMessage: () => null,
      } as const satisfies HttpCall<unknown>;
      const fault = await faultOf(upstream.client.call(result));
      expect(fault).toMatchObject({ consequence, step: 'result', vendorStatus: 'COMPLETED' });
      const { resultOf: _, ...ofStatus } = result;
      expect(await faultOf(upstream.client.call(ofStatus))).toMatchObject({ step: 'status', vendorStatus: null });
    },
  );

  test('an answer with a byte order mark and UTF-8 in single bytes is read exactly', async () => {
    vendor.reply = (response) => {
      const bytes = Buffer.from('\ufeff{"a":"ä😀"}');
      for (const byte of bytes) response.write(Uint8Array.of(byte));
      response.end();
    };
    expect((await call(z.unknown())).raw).toEqual({ a: 'ä😀' });
  });

  test.each([
    ['undefined', z.undefined()],
    ['null', z.null()],
    ['anything', z.unknown()],
  ])('a schema of %s accepts an empty 204 and a 200 that is not JSON', async (_name, schema) => {
    replyWith('', 204);
    expect((await call<unknown>(schema)).raw).toBeNull();
    replyWith('<OK>');
    expect((await call<unknown>(schema)).raw).toBeNull();
  });

  test('a call that reads what is there accepts an empty 204, and no 200 that is not JSON', async () => {
    replyWith('', 204);
    expect((await call(z.unknown(), { readsBody: true })).raw).toBeNull();
    replyWith('<OK>');
    expect(await faultOf(call(z.unknown(), { readsBody: true }))).toMatchObject({
      ...{ kind: 'malformed', consequence: 'unknown', message: "the vendor's answer is not JSON" },
    });
  });

  test('the fault of a wrong shape names the place and not the value', async () => {
    replyWith('{"runs":[{"id":"private"}]}');
    const fault = await faultOf(call(z.looseObject({ runs: z.array(z.looseObject({ id: z.number() })) })));
    expect(fault.message).toBe("the vendor's answer has not the expected shape (runs.0.id)");
  });

  test('the nesting of an answer is bounded, whatever its strings hold', async () => {
    replyWith(`${'['.repeat(100_000)}${']'.repeat(100_000)}`);
    expect(await faultOf(call(z.unknown().refine((value) => value !== undefined && value !== null)))).toMatchObject({
      kind: 'malformed',
      message: "the vendor's answer is nested too deeply",
    });
    const text = `\\"${'[{'.repeat(2_000)}`;
    replyWith(JSON.stringify([text, text]));
    expect((await call(z.unknown())).raw).toEqual([text, text]);
  });

  test.each([
    ['text/plain', 'no such\n\tproject\u001b[31m', 'no such project [31m'],
    ['text/plain', '  <html>', 'the vendor answered 400'],
    ['text/plain', '', 'the vendor answered 400'],
    ['text/html', 'no such project', 'the vendor answered 400'],
    ['application/json', '{"message":"  "}', 'the vendor answered 400'],
    ['application/json', JSON.stringify({ message: 'x'.repeat(2_000) }), `${'x'.repeat(500)}… (2000 characters)`],
    ['application/json', JSON.stringify({ message: `key ${secret} is short` }), 'key [redacted] is short'],
    ['text/plain', `key ${secret}`, 'key [redacted]'],
  ])('a %s error body %j gives the expected message', async (type, body, message) => {
    replyWith(body, 400, type);
    expect((await faultOf(call(z.unknown()))).message).toBe(message);
  });

  test('an error body is read up to a bound', async () => {
    replyWith(JSON.stringify({ message: 'm', filler: 'x'.repeat(100_000) }), 400);
    expect((await faultOf(call(z.unknown()))).message).toBe('the vendor answered 400');
  });

  test('a redirect of a vendor is not followed', async () => {
    const other = await startVendor();
    vendor.reply = answer(307, {}, { location: other.url });
    expect((await faultOf(call(z.unknown()))).httpStatus).toBe(307);
    expect(other.accepted).toBe(0);
    await other.stop();
  });

  test('an informational response is not taken for the answer', async () => {
    vendor.reply = (response) => {
      response.writeEarlyHints({ link: '</x>; rel=preload' });
      response.writeHead(200).end('{"a":1}');
    };
    expect((await call(z.unknown())).raw).toEqual({ a: 1 });
  });
});

describe('secrets', () => {
  const redactor = createRedactor([secret, 'short', 'abcdef', 'abcdefgh', '12345678']);
  const seen = (text: string) => redactor.json(JSON.parse(text) as Json, text);

  test.each([
    [JSON.stringify({ a: secret, [secret]: [secret] }), { a: '[redacted]', '[redacted]': ['[redacted]'] }],
    ['"x\\u0061bcdefx"', 'x[redacted]x'],
    ['"abcdefgh abcdef"', '[redacted] [redacted]'],
    ['{"a":"short","n":12345678,"b":true,"c":null}', { a: 'short', n: 12345678, b: true, c: null }],
  ])('secrets in the answer %s are redacted', (text, expected) => {
    expect(seen(text)).toEqual(expected);
  });

  test('a key named __proto__ stays a key when an answer is redacted', () => {
    expect(JSON.stringify(seen('{"__proto__":{"a":"abcdef"}}'))).toBe('{"__proto__":{"a":"[redacted]"}}');
  });

  test('a secret is redacted in text, plain and as JSON writes it', () => {
    expect(redactor.text(`1 ${secret} 2 ${JSON.stringify(secret)}`)).toBe('1 [redacted] 2 "[redacted]"');
  });
});
