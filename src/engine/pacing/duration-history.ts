import { drawDurationMs, type Forecast, forecastFrom } from './forecast.ts';

/** Durations that are kept of one agent: enough for a shape, few enough to follow a change. */
export const maxDurations = 200;
/** A forecast is made anew after so large a share of new durations: it costs a fraction of a millisecond. */
const renewalShare = 1 / 20;
/** But once it rests on all that are kept, not more often than this: thousands of runs may end in a second. */
const restMs = 1000;

/** What earlier runs of one agent took, and what that tells of the next one. */
export class DurationHistory {
  /** Oldest first. */
  #durationsMs: readonly number[] = [];
  #forecast: Forecast | null = null;
  #newSinceForecast = 0;
  #renewedMs = Number.NEGATIVE_INFINITY;

  get forecast(): Forecast | null {
    return this.#forecast;
  }

  /** Takes over what is known, oldest first. */
  replace(durationsMs: readonly number[], nowMs: number): void {
    this.#durationsMs = durationsMs.slice(-maxDurations);
    this.#renew(nowMs);
  }

  /** A run was seen living at one age and ended at the next. Gives the duration that is kept for it. */
  note(seen: { readonly aliveMs: number; readonly endedMs: number }, nowMs: number, random: () => number): number {
    const durationMs = Math.round(drawDurationMs(this.#forecast, seen, random));
    this.#durationsMs = [...this.#durationsMs, durationMs].slice(-maxDurations);
    this.#newSinceForecast += 1;
    if (this.#isStale(nowMs)) this.#renew(nowMs);
    return durationMs;
  }

  #isStale(nowMs: number): boolean {
    const known = this.#durationsMs.length;
    if (this.#newSinceForecast < known * renewalShare) return false;
    return known < maxDurations || Math.abs(nowMs - this.#renewedMs) >= restMs;
  }

  #renew(nowMs: number): void {
    this.#forecast = forecastFrom(this.#durationsMs);
    this.#newSinceForecast = 0;
    this.#renewedMs = nowMs;
  }
}
