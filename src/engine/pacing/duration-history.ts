import { drawDurationMs, type Forecast, forecastFrom } from './forecast.ts';

/** Durations kept per agent: enough for a shape, few enough to follow a change. */
export const maxDurations = 200;
/** A forecast is renewed after this share of new durations; that costs a fraction of a millisecond. */
const renewalShare = 1 / 20;
/** A forecast from a full history is renewed no more often than this, because thousands of runs may end in a second. */
const minRenewalMs = 1000;

/** How long earlier runs of one agent took, and the forecast that follows from it. */
export class DurationHistory {
  /** Oldest first. */
  #durationsMs: readonly number[] = [];
  #forecast: Forecast | null = null;
  #newSinceForecast = 0;
  #renewedMs = Number.NEGATIVE_INFINITY;

  get forecast(): Forecast | null {
    return this.#forecast;
  }

  /** Replaces the history with stored durations, oldest first. */
  replace(durationsMs: readonly number[], nowMs: number): void {
    this.#durationsMs = durationsMs.slice(-maxDurations);
    this.#renew(nowMs);
  }

  /** Notes a run that was live at one age and ended at the next. Returns the duration that is kept for it. */
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
    return known < maxDurations || Math.abs(nowMs - this.#renewedMs) >= minRenewalMs;
  }

  #renew(nowMs: number): void {
    this.#forecast = forecastFrom(this.#durationsMs);
    this.#newSinceForecast = 0;
    this.#renewedMs = nowMs;
  }
}
