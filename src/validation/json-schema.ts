import type { ZodType } from 'zod';
import type { Program } from '../compute/pool-thread.ts';
import { stringifySliced } from '../compute/sliced-json.ts';
import { computeThreads, createProgram } from '../compute/thread-pool.ts';
import type { Check, Violation } from '../contract/domain/agent.ts';
import { assertNever } from '../contract/domain/assert-never.ts';
import type { Json, JsonObject } from '../contract/domain/json.ts';
import { isJsonObject } from '../json/json-object.ts';
import { takesEverything } from './plain-schema.ts';
import type { CheckDefinition, CheckRoot } from './schema-check.ts';
import { costOf, isCheckedInline } from './schema-cost.ts';
import { jsonWords, parsePlainly } from './zod-issues.ts';

export type CheckOptions = {
  /** Time that a check in a thread may take. */
  readonly timeMs: number;
  /** The agent whose turn a check in a thread takes. */
  readonly key: object;
};

const threadModule = new URL('./check-thread.ts', import.meta.url).href;

/**
 * Compiles a JSON Schema to a check that gives the first violation: at once where its cost is known and small, and
 * otherwise from a thread that is ended when it takes too long. Rejects as `createSchemaCheck` throws.
 */
export async function compileCheck(
  schema: JsonObject,
  root: CheckRoot,
  options: CheckOptions = defaultOptions,
): Promise<Check> {
  if (takesEverything(schema)) return () => null;
  // Loaded for the first schema that needs it: Ajv takes a tenth of a start.
  const { createSchemaCheck } = await import('./schema-check.ts');
  const definition: CheckDefinition = { schema, root };
  const { check, normalized } = createSchemaCheck(definition);
  const cost = costOf(normalized);
  const program = createProgram(threadModule, definition);
  return (value) => (isCheckedInline(cost, value) ? check(value) : checkInThread({ program, root, value }, options));
}

const defaultOptions: CheckOptions = { timeMs: 250, key: {} };

/** Characters of JSON that a thread reads in a millisecond, on a slow machine. */
const charsPerMs = 10_000;

async function checkInThread(
  { program, root, value }: { readonly program: Program; readonly root: CheckRoot; readonly value: Json },
  { timeMs, key }: CheckOptions,
): Promise<Violation | null> {
  const input = await stringifySliced(value);
  const result = await computeThreads.run(program, input, { timeMs: timeMs + input.length / charsPerMs, key });
  switch (result.kind) {
    case 'done':
      return JSON.parse(result.text) as Violation | null;
    case 'overdue':
      return { path: root, message: `takes longer than ${timeMs} ms to check` };
    case 'exhausted':
      return { path: root, message: 'takes more memory to check than it may use' };
    case 'failed':
      throw new Error(`a check failed: ${result.reason}`);
    default:
      return assertNever(result);
  }
}

/** A check by a zod schema, with violations of the same form. */
export function wrapZodCheck(schema: ZodType<unknown>, root: CheckRoot): Check {
  return (value) => {
    const parsed = parsePlainly(schema, value, jsonWords);
    if (parsed.ok) return null;
    const issue = parsed.issues[0];
    return { path: [root, ...(issue?.path ?? [])].join('/'), message: issue?.message ?? 'is not valid' };
  };
}

/** A check that runs several checks in order and reports the first violation. */
export function joinChecks(...checks: readonly Check[]): Check {
  return (value) => {
    for (const [index, check] of checks.entries()) {
      const violation = check(value);
      if (violation instanceof Promise) return joinRest(violation, checks.slice(index + 1), value);
      if (violation !== null) return violation;
    }
    return null;
  };
}

/** The same check, which remembers its result for an empty object: most runs have an empty config. */
export function rememberEmpty(check: Check): Check {
  let ofEmpty: ReturnType<Check> | undefined;
  return (value) => {
    if (!isJsonObject(value) || Object.keys(value).length > 0) return check(value);
    if (ofEmpty === undefined) ofEmpty = check(value);
    return ofEmpty;
  };
}

async function joinRest(
  pending: Promise<Violation | null>,
  checks: readonly Check[],
  value: Json,
): Promise<Violation | null> {
  return (await pending) ?? (await joinChecks(...checks)(value));
}
