import type { Clock } from '../../contract/domain/clock.ts';
import type { Log } from '../../contract/domain/log.ts';
import type { PaceStore } from '../../contract/store/pacing-store.ts';
import { AgentPast, mostDurations } from './duration-history.ts';
import type { Forecast } from './forecast.ts';

/** Between two writes: a crash may cost the durations of so long, which are no loss. */
const flushMs = 10_000;

/** What runs took, per agent: in memory for the pace, in the store for the next process. */
export class History {
  readonly #store: PaceStore;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #pasts = new Map<string, AgentPast>();
  #unsaved = new Map<string, number[]>();
  #cancelFlush: (() => void) | null = null;
  #stopped = false;

  constructor(parts: { readonly store: PaceStore; readonly clock: Clock; readonly log: Log }) {
    this.#store = parts.store;
    this.#clock = parts.clock;
    this.#log = parts.log;
  }

  /** Reads what is known of the agents; rejects with `StorageFault`. */
  async load(agentIds: readonly string[]): Promise<void> {
    for (const agentId of agentIds) {
      this.#pastOf(agentId).replace(await this.#store.durations(agentId, mostDurations), this.#clock.nowMs());
    }
  }

  forecastOf(agentId: string): Forecast | null {
    return this.#pasts.get(agentId)?.forecast ?? null;
  }

  /** A run was seen living at one age and ended at the next. */
  note(agentId: string, seen: { readonly livingMs: number; readonly endedMs: number }): void {
    const durationMs = this.#pastOf(agentId).note(seen, this.#clock.nowMs(), () => this.#clock.random());
    const unsaved = this.#unsaved.get(agentId);
    if (unsaved === undefined) this.#unsaved.set(agentId, [durationMs]);
    else unsaved.push(durationMs);
    if (this.#stopped) return;
    this.#cancelFlush ??= this.#clock.schedule(flushMs, () => {
      this.#cancelFlush = null;
      void this.#flush();
    });
  }

  /** Writes what is not yet written. */
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
        const known = await this.#store.keepDurations(agentId, durationsMs.slice(-mostDurations), mostDurations);
        // With what other replicas saw; what ended here meanwhile comes with the next flush.
        if (!this.#unsaved.has(agentId)) this.#pastOf(agentId).replace(known, this.#clock.nowMs());
      } catch (error) {
        this.#log.warn({ err: error }, 'durations of runs could not be written; they are left out');
      }
    }
  }

  #pastOf(agentId: string): AgentPast {
    const known = this.#pasts.get(agentId);
    if (known !== undefined) return known;
    const past = new AgentPast();
    this.#pasts.set(agentId, past);
    return past;
  }
}
