import { Cron } from 'croner';
import type { ScheduleTimes } from '../contract/domain/schedule.ts';

const minuteMs = 60_000;
const dayMs = 1440 * minuteMs;
/** How far back the latest time is looked for, the nearest first. A leap day is the rarest that comes. */
const lookBacksMs = [minuteMs, 60 * minuteMs, dayMs, 32 * dayMs, 367 * dayMs, 1827 * dayMs, 2923 * dayMs];

/**
 * The times of a cron expression of five fields, or of a nickname such as `@daily`, in a time zone.
 *
 * @throws Error for an expression or a time zone that is not one
 */
export class CronTimes implements ScheduleTimes {
  readonly #cron: Cron;

  constructor(expression: string, timeZone: string) {
    this.#cron = new Cron(expression, { timezone: timeZone, mode: '5-part', paused: true });
    // The zone is looked up with the first time.
    this.#cron.nextRun();
  }

  next(afterMs: number): number | null {
    return this.#cron.nextRun(new Date(afterMs))?.getTime() ?? null;
  }

  /** Null: none within eight years. By the same steps forward as `next`, so that both agree on every change of the clocks. */
  latest(untilMs: number): number | null {
    for (const lookBackMs of lookBacksMs) {
      let latest: number | null = null;
      for (let at = this.next(untilMs - lookBackMs); at !== null && at <= untilMs; at = this.next(at)) latest = at;
      if (latest !== null) return latest;
    }
    return null;
  }
}
