import type { Json, JsonObject } from './json.ts';

/** What a fire does while a run of the schedule is live. */
export const overlapPolicies = ['skip', 'allow', 'queue'] as const;
/** What becomes of fires whose time passed while no gateway ran. */
export const missedPolicies = ['skip', 'one'] as const;

/** The times of a cron expression, in milliseconds since the Unix epoch. */
export interface ScheduleTimes {
  /** The first after the instant; null: none comes. */
  next(afterMs: number): number | null;
  /** The last up to the instant; null: none within eight years. */
  latest(untilMs: number): number | null;
}

/** Runs of an agent at the times of a cron expression, as the config has them. */
export type Schedule = {
  readonly name: string;
  readonly tenant: string;
  /** Name of the agent. */
  readonly agent: string;
  readonly cron: string;
  readonly timeZone: string;
  readonly times: ScheduleTimes;
  readonly input: Json;
  readonly config?: JsonObject | undefined;
  readonly metadata: JsonObject;
  readonly overlap: (typeof overlapPolicies)[number];
  readonly missed: (typeof missedPolicies)[number];
  readonly enabled: boolean;
};

/**
 * - `started`: it made a run.
 * - `overlapped`: a run of the schedule was live.
 * - `missed`: no gateway ran at its time.
 * - `refused`: the run could not be created, for the reason in `detail`.
 * - `disabled`: the config turned the schedule off.
 */
export const fireOutcomes = ['started', 'overlapped', 'missed', 'refused', 'disabled'] as const;

/** What became of one time of a schedule. */
export type Fire = {
  /** The time by the schedule, not that of the decision. */
  readonly atMs: number;
  readonly outcome: (typeof fireOutcomes)[number];
  /** The run that it made. */
  readonly runId: string | null;
  readonly detail: string | null;
};
