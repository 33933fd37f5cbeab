import { setImmediate as nextTurn } from 'node:timers/promises';

const longTurnMs = 5;

type Job = () => Promise<void>;

/**
 * Lets one evaluation run at a time. Evaluations that interleave would spend each other's time budgets, so a slow
 * expression could end the run of a fast one. Lanes take turns: an agent whose expressions are slow delays another
 * agent by one evaluation, however many of its own runs wait.
 */
export class Turnstile {
  readonly #lanes = new Map<object, Job[]>();
  #busy = false;

  /** Runs `work` when its turn comes and settles as it does; at once when nothing is under way. */
  pass<T>(lane: object, work: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const job = () => work().then(resolve, reject);
      const jobs = this.#lanes.get(lane);
      if (jobs === undefined) this.#lanes.set(lane, [job]);
      else jobs.push(job);
      if (!this.#busy) void this.#drain();
    });
  }

  async #drain(): Promise<void> {
    this.#busy = true;
    for (let next = this.#take(); next !== undefined; next = this.#take()) {
      const startedMs = performance.now();
      await next();
      // Evaluations live on microtasks alone, so without a pause a queue of slow ones would stop all input and output.
      if (this.#lanes.size > 0 && performance.now() - startedMs > longTurnMs) await nextTurn();
    }
    this.#busy = false;
  }

  #take(): Job | undefined {
    for (const [lane, jobs] of this.#lanes) {
      const job = jobs.shift();
      this.#lanes.delete(lane);
      if (jobs.length > 0) this.#lanes.set(lane, jobs);
      return job;
    }
    return undefined;
  }
}
