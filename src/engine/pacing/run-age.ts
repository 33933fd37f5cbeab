import type { Clock } from '../../contract/domain/clock.ts';
import type { Run } from '../../contract/domain/run.ts';
import type { AgentDurations } from './agent-durations.ts';
import type { Forecast } from './forecast.ts';

/** How old a run is, and what was seen of it: from that the agent's history learns what the run took. */
export class RunAge {
  readonly #durations: AgentDurations;
  readonly #clock: Clock;
  readonly #agentId: string;
  #sinceMs: number;
  /** The age at which the run was seen living last; null where another process may have seen more. */
  #aliveAtMs: number | null;
  /** Before the first interrupt: how long a run takes after it depends on the person who answers. */
  #isFirstStretch: boolean;

  constructor(deps: { readonly durations: AgentDurations; readonly clock: Clock }, run: Run, inherited: boolean) {
    this.#durations = deps.durations;
    this.#clock = deps.clock;
    this.#agentId = run.agentId;
    this.#sinceMs = run.startedAtMs ?? run.createdAtMs;
    this.#aliveAtMs = inherited ? null : 0;
    this.#isFirstStretch = run.answeredInterrupt === null && (run.phase !== 'interrupted' || !inherited);
  }

  /** The vendor took the run or a payload just now. */
  restart(resumed: boolean): void {
    this.#sinceMs = this.#clock.nowMs();
    this.#aliveAtMs = 0;
    if (resumed) this.#isFirstStretch = false;
  }

  ageMs(atMs: number): number {
    return atMs - this.#sinceMs;
  }

  /** What the agent's past tells of this run; null where it tells nothing. */
  get forecast(): Forecast | null {
    return this.#isFirstStretch ? this.#durations.forecastOf(this.#agentId) : null;
  }

  /** It lived when it was looked at. */
  noteAlive(atMs: number): void {
    this.#aliveAtMs = this.ageMs(atMs);
  }

  /** It has ended, or waits for somebody. */
  noteEnded(): void {
    const endedMs = this.ageMs(this.#clock.nowMs());
    if (this.#isFirstStretch && this.#aliveAtMs !== null && endedMs >= this.#aliveAtMs) {
      this.#durations.note(this.#agentId, { aliveMs: this.#aliveAtMs, endedMs });
    }
    this.#isFirstStretch = false;
  }
}
