import type { JsonObject } from '../../src/contract/domain/json.ts';
import type { Chance } from './chance.ts';
import type { Sleeper } from './sleepers.ts';

/** How the vendor ends a run, in the words of the run's output. */
export type Expected =
  | { readonly type: 'result'; readonly result: JsonObject }
  | { readonly type: 'error'; readonly errcode: number; readonly description: string }
  /** The gateway ends it. */
  | { readonly type: 'ended'; readonly status: 'error' | 'timeout'; readonly errcode: number };

/** A run to be made, and how it has to end. */
export type Plan = {
  /** Unique; the sandbox counts starts by it. */
  readonly key: string;
  readonly agent: string;
  readonly input: JsonObject;
  /** How long the vendor takes. */
  readonly lengthMs: number;
  readonly expected: Expected;
  /** The payload for one of its interrupts; null where it has none. */
  readonly answer: ((round: number) => JsonObject) | null;
};

export type PlanRules = {
  readonly maxMs: number;
  /**
   * Whether answers to interrupts name their round. Not where gateways are paused: a paused one may take an old answer
   * for a new interrupt when it wakes, and no client could tell it from being late.
   */
  readonly namesRounds: boolean;
};

const rounds = 2;
/** For the vendor, of a run that is ended by the gateway. */
const foreverMs = 3_600_000;

/** A run of any kind, from some milliseconds to several seconds. */
export function drawPlan(chance: Chance, key: string, rules: PlanRules): Plan {
  const { maxMs } = rules;
  const ms = chance.weighed([
    [5, chance.between(5, 300)],
    [4, chance.between(300, Math.max(300, maxMs / 2))],
    [2, chance.between(300, maxMs)],
  ]);
  const text = chance.next().toString(36);
  return chance.weighed<() => Plan>([
    [24, () => echoing('echo', { key, ms, text })],
    [8, () => echoing('slow', { key, ms, text })],
    [24, () => echoing('desk', { key, ms, text })],
    [12, () => echoing('order', { key, ms, text })],
    [10, () => echoing('tagged', { key, ms, text })],
    [10, () => echoing('held', { key, ms, text })],
    [3, () => failing('torn', 3000, { key, ms, message: text })],
    [8, () => echoing('progress', { key, ms, text, steps: 6 })],
    [6, () => echoing('flaky', { key, ms, text })],
    [4, () => echoing('limited', { key, ms, text, times: 1, retryAfterSeconds: 1 })],
    [5, () => failing('fail', 2022, { key, ms, message: text, code: 'script-process-crashed' })],
    [5, () => failing('broken', 3000, { key, ms, message: text })],
    [8, () => approved(key, ms, rules)],
  ])();
}

/** A run that stays in flight for long, at either vendor. */
export function drawLongPlan(chance: Chance, key: string, lengthMs: number): Plan {
  return echoing(chance.pick(['echo', 'desk', 'order', 'tagged', 'held']), { key, ms: lengthMs });
}

/** A run that sleeps, at an agent that serves only those of its kind. */
export function makeSleepingPlan(sleeper: Sleeper, key: string, lengthMs: number): Plan {
  const input = { key, ms: sleeper.end === null ? lengthMs : foreverMs };
  const expected: Expected =
    sleeper.end === null ? { type: 'result', result: input } : { type: 'ended', ...sleeper.end };
  return { key, agent: sleeper.agent, input, lengthMs, expected, answer: null };
}

function echoing(agent: string, input: JsonObject & { readonly key: string; readonly ms: number }): Plan {
  const expected = { type: 'result', result: input } as const;
  return { key: input.key, agent, input, lengthMs: input.ms, expected, answer: null };
}

function failing(
  agent: string,
  errcode: number,
  input: JsonObject & { readonly key: string; readonly ms: number; readonly message: string },
): Plan {
  const expected = { type: 'error', errcode, description: input.message } as const;
  return { key: input.key, agent, input, lengthMs: input.ms, expected, answer: null };
}

function approved(key: string, ms: number, { namesRounds }: PlanRules): Plan {
  const answer = (round: number): JsonObject => ({ approved: true, by: key, ...(namesRounds ? { round } : {}) });
  const input = { key, ms, rounds };
  const expected = { type: 'result', result: { ...answer(rounds), rounds } } as const;
  return { key, agent: 'approval', input, lengthMs: ms, expected, answer };
}
