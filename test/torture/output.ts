import { z } from 'zod';
import { errcodes } from '../../src/contract/domain/errcodes.ts';
import type { Json } from '../../src/contract/domain/json.ts';
import { canonicalJson } from '../../src/json/canonical-json.ts';
import type { Plan } from './plan.ts';

const json = z.json();
const status = z.string();
const result = z.looseObject({ type: z.literal('result'), status, result: json });
const error = z.looseObject({ type: z.literal('error'), status, errcode: z.int(), description: z.string() });
const interrupt = z.looseObject({ type: z.literal('interrupt'), status, interrupt: z.looseObject({ round: z.int() }) });
const custom = z.looseObject({ type: z.literal('custom'), status });
const outputSchema = z.discriminatedUnion('type', [result, error, interrupt, custom]);

/** A run's output, or an event of its stream. */
export type Output = z.infer<typeof outputSchema>;

/** Throws for anything that a gateway must not send. */
export function readOutput(body: Json): Output {
  return outputSchema.parse(body);
}

/** Nothing follows it. A partial result has the type of a result, and the status `pending`. */
export function isFinal({ type, status }: Output): boolean {
  return (type === 'result' || type === 'error') && status !== 'pending';
}

export type Judgement = 'right' | 'unknown start' | 'wrong';

/** Compares how a run ended with how the vendor ended it. */
export function judgeOutput({ expected }: Plan, output: Output): Judgement {
  if (output.type === 'error') {
    if (output.errcode === errcodes.startUnknown) return 'unknown start';
    if (expected.type === 'ended')
      return output.errcode === expected.errcode && output.status === expected.status ? 'right' : 'wrong';
    if (expected.type !== 'error' || output.status !== 'error') return 'wrong';
    return output.errcode === expected.errcode && output.description === expected.description ? 'right' : 'wrong';
  }
  if (output.type !== 'result' || expected.type !== 'result' || output.status !== 'success') return 'wrong';
  return canonicalJson(output.result) === canonicalJson(expected.result) ? 'right' : 'wrong';
}
