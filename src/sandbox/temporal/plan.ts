import { z } from 'zod';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import { isJsonObject } from '../../json/json-object.ts';

const ends = ['complete', 'fail', 'cancel', 'time-out', 'never'] as const;

const planSchema = z.looseObject({
  /** Counts starts: a caller with a unique key in each input finds out what was started twice. */
  key: z.string().optional().catch(undefined),
  /** How long each run of the workflow takes, not counting the wait for an approval. */
  ms: z.number().nonnegative().catch(50).default(50),
  /** How it ends by itself; `never` does not. */
  end: z.enum(ends).catch('complete').default('complete'),
  /** Left out, a workflow answers with its input. */
  result: z.json().optional().catch(undefined),
  /** The messages of a failure and its causes, the outermost first. */
  failure: z.array(z.string()).min(1).catch(['it failed']).default(['it failed']),
  /** What it asks before it goes on: the query `waiting_for` shows it, the update or signal `resume` answers it. */
  approval: z.json().optional().catch(undefined),
  /** Runs that it goes on in, one after the other. */
  runs: z.int().positive().catch(1).default(1),
  /** Whether it ends when it is asked to. */
  heedsCancel: z.boolean().catch(true).default(true),
  /** Whether a worker runs. Without one nothing happens, and nothing is answered. */
  hasWorker: z.boolean().catch(true).default(true),
  /** How often its code has failed to take the first step. Above 0, it does not go on. */
  failedTasks: z.int().nonnegative().catch(0).default(0),
});
export type Plan = z.output<typeof planSchema> & { readonly input: Json };

/** What a workflow does, as its first argument says; a member of another type counts as left out. */
export function readPlan(input: Json): Plan {
  return { ...planSchema.parse(isJsonObject(input) ? input : {}), input };
}

/** Whether the workflow ever goes on. */
export function isAlive({ hasWorker, failedTasks }: Plan): boolean {
  return hasWorker && failedTasks === 0;
}

/** A value as Temporal carries it: its encoding and its bytes, both in base64. */
function payloadOf(value: Json): JsonObject {
  return { metadata: { encoding: toBase64('json/plain') }, data: toBase64(JSON.stringify(value)) };
}

export function payloadsOf(value: Json): JsonObject {
  return { payloads: [payloadOf(value)] };
}

/** The first of some payloads; null where there is none, or none that is JSON. */
export function firstOf(payloads: Json | undefined, parse: (text: string) => Json): Json {
  const [first] = isJsonObject(payloads) && Array.isArray(payloads.payloads) ? payloads.payloads : [];
  if (!isJsonObject(first) || typeof first.data !== 'string') return null;
  try {
    return parse(Buffer.from(first.data, 'base64').toString('utf8'));
  } catch {
    return null;
  }
}

/** A failure with its causes, as an activity and the workflow around it show one. */
export function failureOf([message = '', ...causes]: readonly string[]): JsonObject {
  if (causes.length === 0) return { message, source: 'Sandbox', applicationFailureInfo: { type: 'SandboxError' } };
  return { message, activityFailureInfo: { activityType: { name: 'step' } }, cause: failureOf(causes) };
}

function toBase64(text: string): string {
  return Buffer.from(text).toString('base64');
}
