import { DurationHistory } from '../../src/engine/pacing/duration-history.ts';
import { nextPollMs, type PacingOptions } from '../../src/engine/pacing/pacing.ts';

/** Means over runs: polls until the end was seen (with the one that saw it), and the time from the end to it. */
export type Score = { readonly polls: number; readonly lagMs: number };

export type Learner = {
  readonly limits: PacingOptions;
  readonly watched: boolean;
  /** Runs before those that count; 0 leaves the agent without history throughout. */
  readonly learnFrom: number;
  readonly random: () => number;
};

/**
 * Polls runs one after the other as the gateway does: the real pacing function over the real history, which knows of
 * each duration only what the polls before and after the end have shown.
 */
export function pollLearning(learned: readonly number[], runs: readonly number[], learner: Learner): Score {
  const past = new DurationHistory();
  let nowMs = 0;
  for (const durationMs of learned.slice(0, learner.learnFrom)) {
    nowMs += durationMs;
    pollOne(past, durationMs, learner, nowMs);
  }
  const total = { polls: 0, lagMs: 0 };
  for (const durationMs of runs) {
    nowMs += durationMs;
    const { polls, lagMs } = pollOne(past, durationMs, learner, learner.learnFrom > 0 ? nowMs : null);
    total.polls += polls;
    total.lagMs += lagMs;
  }
  return { polls: total.polls / runs.length, lagMs: total.lagMs / runs.length };
}

/** `learnsAtMs`: the end of the run, which the history records; null when it records nothing. */
function pollOne(
  past: DurationHistory,
  durationMs: number,
  { limits, watched, random }: Learner,
  learnsAtMs: number | null,
): Score {
  const calm = { pushed: false, hasPartials: false, backlogMs: 0, faults: 0, retryAfterMs: null };
  let polls = 0;
  let ageMs = 0;
  let aliveMs = 0;
  do {
    aliveMs = ageMs;
    ageMs += nextPollMs({ ...calm, watched, ageMs, forecast: past.forecast, random: random() }, limits);
    polls += 1;
  } while (ageMs < durationMs);
  if (learnsAtMs !== null) past.note({ aliveMs, endedMs: ageMs }, learnsAtMs, random);
  return { polls, lagMs: ageMs - durationMs };
}

/** Polls each run every `intervalMs`, the first time one interval after its start. */
export function pollFixed(runs: readonly number[], intervalMs: number): Score {
  let polls = 0;
  let lagMs = 0;
  for (const durationMs of runs) {
    const count = Math.max(1, Math.ceil(durationMs / intervalMs));
    polls += count;
    lagMs += count * intervalMs - durationMs;
  }
  return { polls: polls / runs.length, lagMs: lagMs / runs.length };
}

/** The shortest interval at which a fixed poller needs no more polls than that. */
export function intervalForPolls(runs: readonly number[], polls: number): number {
  return bisect((intervalMs) => pollFixed(runs, intervalMs).polls <= polls);
}

/** The shortest interval at which a fixed poller's mean lag is that long. */
export function intervalForLag(runs: readonly number[], lagMs: number): number {
  return bisect((intervalMs) => pollFixed(runs, intervalMs).lagMs >= lagMs);
}

/** The least interval that holds, where longer ones hold too. */
function bisect(holds: (intervalMs: number) => boolean): number {
  let low = 1;
  let high = 1e7;
  for (let turn = 0; turn < 60; turn += 1) {
    const middle = Math.sqrt(low * high);
    if (holds(middle)) high = middle;
    else low = middle;
  }
  return high;
}
