import type { Clock } from '../../contract/domain/clock.ts';
import type { Run } from '../../contract/domain/run.ts';
import type { Forecast } from './forecast.ts';
import type { History } from './agent-durations.ts';

/** How old a run is, and what was seen of it: from that the agent's history learns what the run took. */
export class Sightings {
  readonly #history: History;
  readonly #clock: Clock;
  readonly #agentId: string;
  #sinceMs: number;
  /** The age at which the run was seen living last; null where another process may have seen more. */
  #livingAtMs: number | null;
  /** Before the first interrupt: how long a run takes after it depends on whoever answers. */
  #isFirstStretch: boolean;

  constructor(parts: { readonly history: History; readonly clock: Clock }, run: Run, inherited: boolean) {
    this.#history = parts.history;
    this.#clock = parts.clock;
    this.#agentId = run.agentId;
    this.#sinceMs = run.startedAtMs ?? run.createdAtMs;
    this.#livingAtMs = inherited ? null : 0;
    this.#isFirstStretch = run.answeredInterrupt === null && (run.phase !== 'interrupted' || !inherited);
  }

  /** The vendor took the run or a payload just now. */
  restart(resumed: boolean): void {
    this.#sinceMs = this.#clock.nowMs();
    this.#livingAtMs = 0;
    if (resumed) this.#isFirstStretch = false;
  }

  ageMs(atMs: number): number {
    return atMs - this.#sinceMs;
  }

  /** What the agent's past tells of this run; null where it tells nothing. */
  get forecast(): Forecast | null {
    return this.#isFirstStretch ? this.#history.forecastOf(this.#agentId) : null;
  }

  /** It lived when it was looked at. */
  noteLiving(atMs: number): void {
    this.#livingAtMs = this.ageMs(atMs);
  }

  /** It has ended, or waits for somebody. */
  noteEnded(): void {
    const endedMs = this.ageMs(this.#clock.nowMs());
    if (this.#isFirstStretch && this.#livingAtMs !== null && endedMs >= this.#livingAtMs) {
      this.#history.note(this.#agentId, { livingMs: this.#livingAtMs, endedMs });
    }
    this.#isFirstStretch = false;
  }
}
