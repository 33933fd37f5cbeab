import type { Clock } from '../../contract/domain/clock.ts';
import type { Run } from '../../contract/domain/run.ts';
import type { AgentDurations } from './agent-durations.ts';
import type { Forecast } from './forecast.ts';

type RunAgeDeps = {
  readonly deps: { readonly durations: AgentDurations; readonly clock: Clock };
  readonly handle: { readonly run: Run; readonly createdMonotonicMs: number };
};

/** The age of a run and the age at its last poll, from which the agent's history learns its duration. */
export class RunAge {
  readonly #durations: AgentDurations;
  readonly #clock: Clock;
  readonly #agentId: string;
  #sinceMs: number;
  /** The age at which a poll last showed the run live; null where another process may have seen more. */
  #aliveAtMs: number | null;
  /** Before the first interrupt. After it the duration depends on the person who answers. */
  #isFirstStretch: boolean;

  constructor({ deps, handle }: RunAgeDeps, inherited: boolean) {
    const { run } = handle;
    this.#durations = deps.durations;
    this.#clock = deps.clock;
    this.#agentId = run.agentId;
    this.#sinceMs = handle.createdMonotonicMs + Math.max(0, (run.startedAtMs ?? run.createdAtMs) - run.createdAtMs);
    this.#aliveAtMs = inherited ? null : 0;
    this.#isFirstStretch = run.answeredInterrupt === null && (run.phase !== 'interrupted' || !inherited);
  }

  /** Counts from now: the vendor has just accepted the run or a payload. */
  restart(resumed: boolean): void {
    this.#sinceMs = this.#clock.monotonicMs();
    this.#aliveAtMs = 0;
    if (resumed) this.#isFirstStretch = false;
  }

  ageMs(atMs: number): number {
    return atMs - this.#sinceMs;
  }

  /** The forecast of the agent; null where it says nothing about this run. */
  get forecast(): Forecast | null {
    return this.#isFirstStretch ? this.#durations.forecastOf(this.#agentId) : null;
  }

  /** Notes that a poll at this instant showed the run live. */
  noteAlive(atMs: number): void {
    this.#aliveAtMs = this.ageMs(atMs);
  }

  /** Notes that the run has ended or was interrupted. */
  noteEnded(): void {
    const endedMs = this.ageMs(this.#clock.monotonicMs());
    if (this.#isFirstStretch && this.#aliveAtMs !== null && endedMs >= this.#aliveAtMs) {
      this.#durations.note(this.#agentId, { aliveMs: this.#aliveAtMs, endedMs });
    }
    this.#isFirstStretch = false;
  }
}
