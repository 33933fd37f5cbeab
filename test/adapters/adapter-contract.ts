import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Adapter, Connection } from '../../src/contract/adapter/adapter.ts';
import { type Consequence, type FaultKind, UpstreamFault } from '../../src/contract/adapter/http.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import type { UpstreamRef } from '../../src/contract/domain/run.ts';
import { createExpressionCompiler } from '../../src/mapping/expressions.ts';
import { connectUpstream, type Upstream } from '../../src/upstream/connect.ts';
import { upstreamOptions } from '../upstream/upstream-options.ts';
import { answer, cutShort, hangUp, type Reply, silence, startVendor, type Vendor } from '../upstream/vendor-server.ts';

type Wire = {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Undefined: no body is sent. */
  readonly body: Json | undefined;
};

export type AdapterCase = {
  readonly adapter: Adapter;
  readonly settings: JsonObject;
  readonly secret: string;
  readonly target: JsonObject;
  readonly input: Json;
  readonly config: JsonObject;
  readonly start: {
    readonly wire: Wire;
    /** What the vendor answers: JSON, or a stream. */
    readonly answer: readonly [number, Json] | Reply;
    readonly upstream: UpstreamRef;
  };
  readonly observe: { readonly wire: Wire; readonly answer: JsonObject; readonly status: string };
  /** Whether what the vendor answers about a run says which run it is, under `runId`. Left out: it does. */
  readonly namesRuns?: boolean;
  /** How many requests it takes to find that a run is gone. Left out: one. */
  readonly looksForGone?: number;
  /** Error bodies as the vendor writes them, each with the message "no such thing". */
  readonly errorBodies: readonly Json[];
};

type Expected = readonly [Consequence, FaultKind, (number | null)?];
type Row = {
  readonly fault: string;
  readonly cause: (vendor: Vendor) => void | Promise<void>;
  readonly start: Expected;
  readonly observe: Expected;
  /** How many requests the vendor may have read; a second one would be a second run. */
  readonly asked: 0 | 1;
};

const maxBytes = 4_000;
const timeoutMs = 600;
const date = 'Sun, 22 Nov 2026 10:00:00 GMT';
const tooLarge = JSON.stringify({ runId: 'r', status: 'x', filler: 'x'.repeat(maxBytes) });

function replies(fault: string, reply: Reply, start: Expected, observe: Expected): Row {
  const cause = (vendor: Vendor) => {
    vendor.reply = reply;
  };
  return { fault, cause, start, observe, asked: 1 };
}

function answers(status: number, start: Consequence, observe: Consequence): Row {
  const reply = answer(status, '<html>an error page</html>');
  return replies(`${status}`, reply, [start, 'http-status'], [observe, 'http-status']);
}

const rows: readonly Row[] = [
  {
    fault: 'refused',
    cause: (vendor) => vendor.stop(),
    start: ['retry', 'refused'],
    observe: ['retry', 'refused'],
    asked: 0,
  },
  {
    fault: 'accepted, then hung up at once',
    cause: (vendor) => {
      vendor.greet = (socket) => setImmediate(() => socket.destroy());
    },
    start: ['retry', 'reset'],
    observe: ['retry', 'reset'],
    asked: 0,
  },
  {
    fault: 'accepted, then reset at once',
    cause: (vendor) => {
      vendor.greet = (socket) => socket.resetAndDestroy();
    },
    start: ['retry', 'reset'],
    observe: ['retry', 'reset'],
    asked: 0,
  },
  replies(
    '429 with Retry-After in seconds',
    answer(429, {}, { 'retry-after': '7' }),
    ['retry', 'http-status', 7_000],
    ['retry', 'http-status', 7_000],
  ),
  replies(
    '429 with Retry-After as a date',
    answer(429, {}, { date, 'retry-after': 'Sun, 22 Nov 2026 10:02:00 GMT' }),
    ['retry', 'http-status', 120_000],
    ['retry', 'http-status', 120_000],
  ),
  replies(
    '429 with X-RateLimit-Reset',
    answer(429, {}, { 'x-ratelimit-reset': '30' }),
    ['retry', 'http-status', 30_000],
    ['retry', 'http-status', 30_000],
  ),
  replies(
    '503 with Retry-After',
    answer(503, {}, { 'retry-after': '1' }),
    ['retry', 'http-status', 1_000],
    ['retry', 'http-status', 1_000],
  ),
  ...[429, 503].flatMap((status) => [
    replies(
      `${status} with an error in the vendor's form`,
      answer(status, { message: 'busy', error: 'busy' }),
      ['retry', 'http-status'],
      ['retry', 'http-status'],
    ),
    // A proxy says so too where the connection broke after the vendor had the request.
    replies(
      `${status} of a proxy`,
      answer(status, 'upstream connect error or disconnect/reset before headers', { 'content-type': 'text/plain' }),
      ['unknown', 'http-status'],
      ['retry', 'http-status'],
    ),
    replies(
      `${status} of a proxy, as a page`,
      answer(status, '<html><h1>Busy</h1></html>', { 'content-type': 'text/html' }),
      ['unknown', 'http-status'],
      ['retry', 'http-status'],
    ),
    replies(`${status} that is cut`, cutShort(status), ['unknown', 'http-status'], ['retry', 'http-status']),
    answers(status, 'unknown', 'retry'),
  ]),
  answers(425, 'retry', 'retry'),
  answers(302, 'rejected', 'retry'),
  answers(400, 'rejected', 'retry'),
  answers(401, 'rejected', 'retry'),
  answers(403, 'rejected', 'retry'),
  answers(404, 'rejected', 'gone'),
  answers(410, 'rejected', 'gone'),
  answers(422, 'rejected', 'retry'),
  answers(408, 'unknown', 'retry'),
  answers(500, 'unknown', 'retry'),
  answers(501, 'unknown', 'retry'),
  answers(502, 'unknown', 'retry'),
  answers(504, 'unknown', 'retry'),
  replies('timeout', silence, ['unknown', 'timeout'], ['retry', 'timeout']),
  replies('cut after the request was read', hangUp, ['unknown', 'cut'], ['retry', 'cut']),
  replies('cut within the answer', cutShort(200), ['unknown', 'cut'], ['retry', 'cut']),
  replies('no JSON', answer(200, '<html></html>'), ['unknown', 'malformed'], ['retry', 'malformed']),
  replies('half a JSON', answer(200, '{"runId": "r", "sta'), ['unknown', 'malformed'], ['retry', 'malformed']),
  replies('empty', answer(200, ''), ['unknown', 'malformed'], ['retry', 'malformed']),
  replies('another shape', answer(200, { runId: 7, status: {} }), ['unknown', 'malformed'], ['retry', 'malformed']),
  replies('an array', answer(200, []), ['unknown', 'malformed'], ['retry', 'malformed']),
  replies('too large', answer(200, tooLarge), ['unknown', 'too-large'], ['retry', 'too-large']),
  replies(
    'too large, its length told before',
    answer(200, tooLarge, { 'content-length': `${tooLarge.length}` }),
    ['unknown', 'too-large'],
    ['retry', 'too-large'],
  ),
];

/** What holds for every adapter: the exact wire, and the consequence of every fault (issue table "vendor faults"). */
export function testAdapter(subject: AdapterCase): void {
  const { adapter, secret, input, config } = subject;
  const target = adapter.target.parse(subject.target);
  const settings = adapter.settings.parse(subject.settings);
  const { signal } = new AbortController();
  let vendor: Vendor;
  let upstream: Upstream;
  let connection: Connection;

  beforeEach(async () => {
    vendor = await startVendor();
    const secrets = adapter.secretsOf(settings);
    upstream = connectUpstream({
      ...upstreamOptions,
      ...{ baseUrl: `${vendor.url}/base/`, timeoutMs, maxAnswerBytes: maxBytes, secrets },
    });
    connection = adapter.connect(settings, upstream.client, createExpressionCompiler());
  });
  afterEach(async () => {
    await vendor.stop();
    await upstream.close();
  });

  const start = () => connection.start({ target, input, config, runId: 'run-1' });
  const observe = () => connection.observe(target, subject.start.upstream, signal);

  function expectWire({ method, path, headers, body }: Wire): void {
    expect(vendor.received).toHaveLength(1);
    expect(vendor.received[0]).toMatchObject({ method, path: `/base${path}`, headers });
    const sent = vendor.received[0]?.body ?? '';
    expect(sent === '' ? undefined : JSON.parse(sent)).toStrictEqual(body);
  }

  describe('the wire', () => {
    test('start', async () => {
      const answered = subject.start.answer;
      vendor.reply = typeof answered === 'function' ? answered : answer(...answered);
      expect(await start()).toStrictEqual({ upstream: subject.start.upstream });
      expectWire(subject.start.wire);
      const type = subject.start.wire.body === undefined ? undefined : 'application/json';
      expect(vendor.received[0]?.headers['content-type']).toBe(type);
    });

    test('observe', async () => {
      vendor.reply = answer(200, subject.observe.answer);
      expect(await observe()).toStrictEqual({ status: subject.observe.status, raw: subject.observe.answer });
      expectWire(subject.observe.wire);
    });

    test.each(subject.namesRuns === false ? [] : ([['another'], [7], [['a']], [{ id: 1 }]] as const))(
      'an observation that names the run %j instead of the one that was asked for is refused',
      async (runId) => {
        vendor.reply = answer(200, { ...subject.observe.answer, runId });
        const fault = await faultOf(observe());
        expect(fault).toMatchObject({ consequence: 'retry', kind: 'malformed' });
        expect(fault.message).toContain(subject.start.upstream.runId);
        expect(fault.message).toContain(typeof runId === 'string' ? runId : JSON.stringify(runId));
      },
    );

    test.each([[undefined], [null]])('an observation whose runId is %j is taken as that of the run', async (runId) => {
      vendor.reply = answer(200, { ...subject.observe.answer, runId } as JsonObject);
      expect((await observe()).status).toBe(subject.observe.status);
    });

    test('the secrets are known, and are sent', async () => {
      expect(adapter.secretsOf(settings)).toContain(secret);
      vendor.reply = answer(200, subject.observe.answer);
      await observe();
      expect(JSON.stringify(vendor.received[0]?.headers)).toContain(secret);
    });
  });

  describe.each(rows)('$fault', ({ cause, asked, ...expected }) => {
    test.each(['start', 'observe'] as const)('%s', async (operation) => {
      await cause(vendor);
      const fault = await faultOf(operation === 'start' ? start() : observe());
      const [consequence, kind, retryAfterMs = null] = expected[operation];
      expect({ consequence: fault.consequence, kind: fault.kind, retryAfterMs: fault.retryAfterMs }).toStrictEqual({
        consequence,
        kind,
        retryAfterMs,
      });
      const looks = operation === 'observe' && consequence === 'gone' ? subject.looksForGone : undefined;
      expect(vendor.received).toHaveLength(looks ?? asked);
      expect(fault.message).not.toMatch(/127\.0\.0\.1|\/base|ECONN|undici|node:|Unexpected/);
    });
  });

  test.each(subject.errorBodies)("the vendor's own message is found in %j", async (body) => {
    vendor.reply = answer(422, body);
    expect(await faultOf(start())).toMatchObject({ message: 'no such thing', httpStatus: 422 });
  });

  test.each([
    ['no such thing', 'no such thing'],
    [['no such thing', 'nor such'], 'no such thing; nor such'],
    [{ error: 7, message: null, detail: [] }, '7'],
    [{ errors: [{ reason: { text: 'no such thing' } }] }, 'no such thing'],
    [{ detail: [{ loc: ['body'], msg: 'field required' }] }, 'field required'],
    [[], 'the vendor answered 400'],
    [{ error: {}, message: null, detail: [] }, 'the vendor answered 400'],
    [{ status: 'no such thing' }, 'the vendor answered 400'],
    [null, 'the vendor answered 400'],
  ])('an error body of another shape gives the words that it has: %j', async (body, message) => {
    vendor.reply = answer(400, JSON.stringify(body), { 'content-type': 'application/json' });
    expect((await faultOf(start())).message).toBe(message);
  });

  test('a secret that the vendor sends back goes no further', async () => {
    const echo = JSON.stringify(subject.errorBodies[0]).replace('no such thing', `bad key ${secret}`);
    vendor.reply = answer(401, JSON.parse(echo));
    expect((await faultOf(start())).message).toBe('bad key [redacted]');
    vendor.reply = answer(200, { ...subject.observe.answer, seen: { [secret]: [`x${secret}x`] } });
    expect((await observe()).raw).toMatchObject({ seen: { '[redacted]': ['x[redacted]x'] } });
  });

  test('an id that would climb out of its path is another shape', async () => {
    vendor.reply = answer(200, { runId: '..', status: 'pending' });
    expect(await faultOf(start())).toMatchObject({ consequence: 'unknown', kind: 'malformed' });
  });
}

export async function faultOf(call: Promise<unknown>): Promise<UpstreamFault> {
  const error = await call.then(
    () => new Error('the call succeeded'),
    (reason: unknown) => reason,
  );
  if (error instanceof UpstreamFault) return error;
  throw error;
}
