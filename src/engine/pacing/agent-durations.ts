import type { Clock } from '../../contract/domain/clock.ts';
import type { Log } from '../../contract/domain/log.ts';
import type { DurationStore } from '../../contract/store/duration-store.ts';
import { DurationHistory, maxDurations } from './duration-history.ts';
import type { Forecast } from './forecast.ts';

/** Between two writes. A crash loses at most these durations, which only a forecast would miss. */
const flushMs = 10_000;

/** How long runs took, per agent: in memory for the pace, in the store for the next process. */
export class AgentDurations {
  readonly #store: DurationStore;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #histories = new Map<string, DurationHistory>();
  #unsaved = new Map<string, number[]>();
  #cancelFlush: (() => void) | null = null;
  #stopped = false;

  constructor(deps: { readonly store: DurationStore; readonly clock: Clock; readonly log: Log }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#log = deps.log;
  }

  /** Reads the stored durations of the agents; rejects with `StorageFault`. */
  async load(agentIds: readonly string[]): Promise<void> {
    for (const agentId of agentIds) {
      // What runs of this process have taught is newer.
      if (this.#histories.has(agentId)) continue;
      this.#historyOf(agentId).replace(await this.#store.newest(agentId, maxDurations), this.#clock.monotonicMs());
    }
  }

  forecastOf(agentId: string): Forecast | null {
    return this.#histories.get(agentId)?.forecast ?? null;
  }

  /** Notes a run that was live at one age and ended at the next. */
  note(agentId: string, seen: { readonly aliveMs: number; readonly endedMs: number }): void {
    const durationMs = this.#historyOf(agentId).note(seen, this.#clock.monotonicMs(), () => this.#clock.random());
    const unsaved = this.#unsaved.get(agentId);
    if (unsaved === undefined) this.#unsaved.set(agentId, [durationMs]);
    else unsaved.push(durationMs);
    if (this.#stopped) return;
    this.#cancelFlush ??= this.#clock.schedule(flushMs, () => {
      this.#cancelFlush = null;
      void this.#flush();
    });
  }

  /** Writes what is still unsaved. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelFlush?.();
    await this.#flush();
  }

  async #flush(): Promise<void> {
    const unsaved = this.#unsaved;
    this.#unsaved = new Map();
    for (const [agentId, durationsMs] of unsaved) {
      try {
        const known = await this.#store.add(agentId, durationsMs.slice(-maxDurations), maxDurations);
        // This includes what other replicas saw. Durations noted during the write come with the next flush.
        if (!this.#unsaved.has(agentId)) this.#historyOf(agentId).replace(known, this.#clock.monotonicMs());
      } catch (error) {
        this.#log.warn({ err: error }, 'store unavailable; run durations not saved');
      }
    }
  }

  #historyOf(agentId: string): DurationHistory {
    const known = this.#histories.get(agentId);
    if (known !== undefined) return known;
    const durations = new DurationHistory();
    this.#histories.set(agentId, durations);
    return durations;
  }
}
