import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { errcodes } from '../../src/contract/domain/errcodes.ts';
import { type ErrorCode, errorTable, GatewayError } from '../../src/contract/domain/errors.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import type { Run } from '../../src/contract/domain/run.ts';
import { encodeResult } from '../../src/protocols/intuned/encode.ts';
import { encodeError } from '../../src/protocols/intuned/errors.ts';
import { categories, codes, reasons } from '../../src/protocols/intuned/words.ts';
import { runId, runOf } from './scripted-api.ts';

// The schemas of the vendor's TypeScript client (`@intuned/client` 0.5.2), which is in no registry: optional members may be
// absent and not null, words are on closed lists, and members inside `error` and `reason` have snake case.
const value = z.unknown().refine((given) => given !== null);
const runError = z.strictObject({
  message: z.string(),
  category: z.enum(categories),
  code: z.enum(codes).optional(),
  retirable: z.boolean().optional(),
  doc_url: z.string().optional(),
  correlation_id: z.string().optional(),
  details: value.optional(),
});
const reason = z.strictObject({
  type: z.enum(reasons),
  message: z.string(),
  doc_url: z.string().optional(),
  details: value.optional(),
});
const payload = z.strictObject({
  api: z.string(),
  runId: z.string().optional(),
  parameters: z.record(z.string(), z.unknown()).optional(),
});
const runResult = z.strictObject({
  runId: z.string(),
  status: z.enum(['pending', 'started', 'completed', 'canceled', 'failed']),
  result: value.optional(),
  extendedPayloads: z.array(payload).optional(),
  error: runError.optional(),
  message: z.string().optional(),
  reason: reason.optional(),
});
const httpError = z.strictObject({
  code: z.string(),
  category: z.enum(categories),
  message: z.string(),
  retirable: z.boolean(),
  details: value.optional(),
  correlationId: z.string(),
});

function ended(errcode: number, vendor: JsonObject): Run {
  const outcome = { kind: 'error', errcode, description: 'it failed' } as const;
  return runOf({ phase: 'done', status: 'error', outcome, vendor });
}

/** Bodies as they stand on the wire. */
const golden: readonly (readonly [string, Run, JsonObject])[] = [
  ['a queued run', runOf({ phase: 'queued' }), { status: 'pending' }],
  ['a run that is being started', runOf({ phase: 'starting' }), { status: 'pending' }],
  ['a live run', runOf({}), { status: 'started' }],
  [
    'a completed run',
    runOf({
      phase: 'done',
      status: 'success',
      outcome: { kind: 'result', value: { a: null } },
      vendor: { extendedPayloads: [{ api: 'next', parameters: { a: 1 } }, { api: null }, 'odd'] },
    }),
    { status: 'completed', result: { a: null }, extendedPayloads: [{ api: 'next', parameters: { a: 1 } }] },
  ],
  [
    'a failed run',
    ended(2021, {
      status: 'failed',
      message: 'm',
      error: {
        ...{ message: 'e', code: 'script-timeout', category: 'execution', retirable: true },
        ...{ docUrl: 'https://d', correlation_id: 'c', details: [null] },
      },
    }),
    {
      status: 'failed',
      message: 'm',
      error: {
        ...{ message: 'e', code: 'script-timeout', category: 'execution', retirable: true },
        ...{ doc_url: 'https://d', correlation_id: 'c', details: [null] },
      },
    },
  ],
  [
    'a canceled run',
    ended(2107, { status: 'canceled', reason: { type: 'terminated', message: 'r', doc_url: 'https://d', details: 1 } }),
    {
      status: 'canceled',
      message: 'r',
      reason: { type: 'terminated', message: 'r', doc_url: 'https://d', details: 1 },
    },
  ],
];

test.each(golden)("%s has the body that the vendor's own client reads", (_name, run, body) => {
  expect(encodeResult(run)).toEqual({ runId, ...body });
  expect(runResult.safeParse(encodeResult(run)).error).toBeUndefined();
});

const ownErrcodes = Object.values(errcodes);

test.each(ownErrcodes)('the ending %i of the gateway is one that the clients of the vendor can read', (errcode) => {
  const body = encodeResult(ended(errcode, { status: 'odd', error: { code: 'odd', category: 'odd' } }));
  expect(runResult.safeParse(body).error).toBeUndefined();
  expect(['failed', 'canceled']).toContain(body.status);
});

/** What a vendor may have said, in its words and in others, with members that are null, absent or of another type. */
function saidBy(words: readonly string[]): fc.Arbitrary<Json> {
  return fc.oneof(fc.constantFrom(...words), fc.jsonValue({ maxDepth: 1 }) as fc.Arbitrary<Json>);
}
const members = fc.record(
  {
    ...{ message: saidBy(['m']), type: saidBy(reasons), code: saidBy(codes), category: saidBy(categories) },
    ...{ retirable: saidBy(['x']), doc_url: saidBy(['u']), docUrl: saidBy(['u']), correlation_id: saidBy(['c']) },
    ...{ correlationId: saidBy(['c']), details: saidBy(['d']) },
  },
  { requiredKeys: [] },
);
const vendorWords = fc.record(
  {
    ...{ status: saidBy(['failed', 'canceled', 'completed']), message: saidBy(['m']) },
    ...{ error: fc.oneof(members, saidBy(['e'])), reason: fc.oneof(members, saidBy(['r'])) },
    extendedPayloads: fc.oneof(fc.array(fc.oneof(members, saidBy(['a']))), saidBy(['x'])),
  },
  { requiredKeys: [] },
);

test('no words of a vendor make a result that its own client refuses', () => {
  const errcode = fc.oneof(fc.constantFrom(...ownErrcodes), fc.integer({ min: 2000, max: 2999 }));
  fc.assert(
    fc.property(vendorWords, errcode, fc.boolean(), (vendor, code, succeeded) => {
      const run = succeeded
        ? runOf({ phase: 'done', outcome: { kind: 'result', value: 1 }, vendor: vendor as JsonObject })
        : ended(code, vendor as JsonObject);
      expect(runResult.safeParse(encodeResult(run)).error).toBeUndefined();
    }),
    { numRuns: 2000 },
  );
});

test.each(Object.keys(errorTable) as ErrorCode[])(
  "the error %s has the body that the vendor's own client reads",
  (code) => {
    const body = encodeError(new GatewayError(code, { detail: 'd' }), 'request-1');
    expect(httpError.safeParse(body).error).toBeUndefined();
    expect(body).toMatchObject({ correlationId: 'request-1', retirable: errorTable[code].retryable });
  },
);
