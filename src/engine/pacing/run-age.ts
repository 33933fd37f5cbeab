import type { Clock } from '../../contract/domain/clock.ts';
import type { Run } from '../../contract/domain/run.ts';
import type { AgentDurations } from './agent-durations.ts';
import type { Forecast } from './forecast.ts';

type RunAgeDeps = {
  readonly deps: { readonly durations: AgentDurations; readonly clock: Clock };
  readonly agent: { readonly agentId: string };
  readonly memory: AgeMemory;
};

/** What is remembered of a run's age. */
export type AgeMemory = {
  /** Since when the age counts, by the monotonic clock. */
  sinceMs: number;
  /** The age at which a poll last showed the run live; null where another process may have seen more. */
  aliveAtMs: number | null;
  /** Before the first interrupt. After it the duration depends on the person who answers. */
  isFirstStretch: boolean;
};

/** `isRecovered`: another process may have driven the run before. */
export function beginAge(run: Run, createdMonotonicMs: number, isRecovered: boolean): AgeMemory {
  return {
    sinceMs: createdMonotonicMs + Math.max(0, (run.startedAtMs ?? run.createdAtMs) - run.createdAtMs),
    aliveAtMs: isRecovered ? null : 0,
    isFirstStretch: run.answeredInterrupt === null && (run.phase !== 'interrupted' || !isRecovered),
  };
}

/** The age of a run and the age at its last poll, from which the agent's history learns its duration. */
export class RunAge {
  readonly #durations: AgentDurations;
  readonly #clock: Clock;
  readonly #agentId: string;
  readonly #memory: AgeMemory;

  constructor({ deps, agent, memory }: RunAgeDeps) {
    this.#durations = deps.durations;
    this.#clock = deps.clock;
    this.#agentId = agent.agentId;
    this.#memory = memory;
  }

  /** Counts from now: the vendor has just accepted the run or a payload. */
  restart(resumed: boolean): void {
    this.#memory.sinceMs = this.#clock.monotonicMs();
    this.#memory.aliveAtMs = 0;
    if (resumed) this.#memory.isFirstStretch = false;
  }

  ageMs(atMs: number): number {
    return atMs - this.#memory.sinceMs;
  }

  /** The forecast of the agent; null where it says nothing about this run. */
  get forecast(): Forecast | null {
    return this.#memory.isFirstStretch ? this.#durations.forecastOf(this.#agentId) : null;
  }

  /** How long ago the run was last seen alive; null where another process may have seen more. */
  get sinceAliveMs(): number | null {
    const { aliveAtMs } = this.#memory;
    return aliveAtMs === null ? null : this.ageMs(this.#clock.monotonicMs()) - aliveAtMs;
  }

  /** Notes that a poll at this instant showed the run live. */
  noteAlive(atMs: number): void {
    this.#memory.aliveAtMs = this.ageMs(atMs);
  }

  /** Notes that the run has ended or was interrupted. */
  noteEnded(): void {
    const endedMs = this.ageMs(this.#clock.monotonicMs());
    if (this.#memory.isFirstStretch && this.#memory.aliveAtMs !== null && endedMs >= this.#memory.aliveAtMs) {
      this.#durations.note(this.#agentId, { aliveMs: this.#memory.aliveAtMs, endedMs });
    }
    this.#memory.isFirstStretch = false;
  }
}
