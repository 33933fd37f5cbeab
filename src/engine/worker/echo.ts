import { fingerprint, shortenCanonical } from '../../compute/fingerprint.ts';
import type { Observation } from '../../contract/adapter/adapter.ts';
import type { Clock } from '../../contract/domain/clock.ts';
import type { Json } from '../../contract/domain/json.ts';
import type { Question, Run } from '../../contract/domain/run.ts';

/** How long a question that was answered may be shown for before it counts as asked again. */
const maxEchoMs = 30_000;
/** How long something else must be shown with the question to count as a change: some vendors write the time into every answer. */
const steadyMs = 1000;

/** What is remembered of a question that was answered. */
export type EchoMemory = {
  /** When the answer was taken, by the monotonic clock; the wall clock is read once for each answer. */
  answer: { readonly atMs: number | undefined; readonly monotonicMs: number } | null;
  /** What the vendor shows since the answer, where that differs from what it showed before. */
  change: { readonly sighting: string; readonly sinceMs: number } | null;
  /** The last observation was an echo. */
  isHeldBack: boolean;
};

/**
 * Tells the echo of an answered interrupt from the same question asked again. A vendor may show a question for a while
 * after it took the answer; it is asked again once that has lasted too long, or the vendor's run has changed.
 */
export class Echo {
  readonly #clock: Clock;
  readonly #memory: EchoMemory;

  constructor(clock: Clock, memory: EchoMemory) {
    this.#clock = clock;
    this.#memory = memory;
  }

  /** Fingerprints of an observation that asks something. */
  async read({ status, raw }: Observation, payload: Json): Promise<Question> {
    return { payload: await fingerprint(payload), sighting: await fingerprint({ status, raw }) };
  }

  /** Whether the question was answered already and nothing says that it is asked again. */
  holdsBack(run: Run, { payload, sighting }: Question): boolean {
    const { answeredInterrupt } = run;
    // A version before this one kept long payloads whole.
    const isAnswered = answeredInterrupt !== null && shortenCanonical(answeredInterrupt) === payload;
    const nowMs = this.#clock.monotonicMs();
    this.#memory.isHeldBack = isAnswered && nowMs < this.#endsAtMs(run) && !this.#hasChanged(run, sighting, nowMs);
    return this.#memory.isHeldBack;
  }

  /** When the question counts as asked again; null while none is held back. */
  dueAtMs(run: Run): number | null {
    if (!this.#memory.isHeldBack || run.answeredInterrupt === null) return null;
    return this.#memory.change === null
      ? this.#endsAtMs(run)
      : Math.min(this.#endsAtMs(run), this.#memory.change.sinceMs + steadyMs);
  }

  #endsAtMs({ answeredAtMs }: Run): number {
    if (this.#memory.answer === null || this.#memory.answer.atMs !== answeredAtMs) {
      const agoMs = answeredAtMs === undefined ? 0 : Math.max(0, this.#clock.nowMs() - answeredAtMs);
      this.#memory.answer = { atMs: answeredAtMs, monotonicMs: this.#clock.monotonicMs() - agoMs };
      this.#memory.change = null;
    }
    return this.#memory.answer.monotonicMs + maxEchoMs;
  }

  #hasChanged({ asked }: Run, sighting: string, nowMs: number): boolean {
    if (asked === undefined || asked.sighting === sighting) {
      this.#memory.change = null;
      return false;
    }
    if (this.#memory.change?.sighting !== sighting) this.#memory.change = { sighting, sinceMs: nowMs };
    return nowMs - this.#memory.change.sinceMs >= steadyMs;
  }
}
