import type { Fire } from '../domain/schedule.ts';

/** A schedule with its times: one whose times are changed begins anew. */
export type ScheduleKey = { readonly name: string; readonly times: string };

/** How far a schedule has come. */
export type ScheduleRow = ScheduleKey & {
  /** What becomes of every time up to this one is decided. */
  readonly decidedMs: number;
  /** The time whose run waits for the end of another; null: none does. */
  readonly waitingMs: number | null;
  readonly last: Fire | null;
  /** The newest run that the schedule made. */
  readonly lastRunId: string | null;
};

/** What all replicas know of schedules. Rejects with `StorageFault`. */
export interface ScheduleStore {
  list(): Promise<readonly ScheduleRow[]>;
  /** Takes up a schedule that the store does not have; times up to `fromMs` are none of its. */
  begin(key: ScheduleKey, fromMs: number): Promise<void>;
  /** The run of that time waits for the end of another. */
  wait(key: ScheduleKey, atMs: number): Promise<void>;
  /** Records what became of a time. False, and nothing is written: it was decided before, or a later one was. */
  decide(key: ScheduleKey, fire: Fire): Promise<boolean>;
  /** Removes schedules of which the last decided time is older. */
  forget(keys: readonly ScheduleKey[]): Promise<void>;
}
