import { setImmediate as nextTurn } from 'node:timers/promises';

const longTurnMs = 5;

type Job = () => Promise<void>;

/**
 * Lets one evaluation run at a time. Evaluations that interleave would spend each other's time budgets, so a slow
 * expression could end the run of a fast one. Agents take turns: one with slow expressions delays
 * another by a single evaluation, however many of its own runs wait.
 */
export class SerialQueue {
  readonly #jobsByKey = new Map<object, Job[]>();
  #busy = false;

  /** Runs `work` when its turn comes, at once when nothing is under way, and settles as `work` does. */
  permit<T>(queueKey: object, work: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const job = () => work().then(resolve, reject);
      const jobs = this.#jobsByKey.get(queueKey);
      if (jobs === undefined) this.#jobsByKey.set(queueKey, [job]);
      else jobs.push(job);
      if (!this.#busy) void this.#drain();
    });
  }

  async #drain(): Promise<void> {
    this.#busy = true;
    for (let next = this.#take(); next !== undefined; next = this.#take()) {
      const startedMs = performance.now();
      await next();
      // Evaluations run on microtasks alone: without a pause, a queue of slow ones would stop all input and output.
      if (this.#jobsByKey.size > 0 && performance.now() - startedMs > longTurnMs) await nextTurn();
    }
    this.#busy = false;
  }

  #take(): Job | undefined {
    for (const [queueKey, jobs] of this.#jobsByKey) {
      const job = jobs.shift();
      this.#jobsByKey.delete(queueKey);
      if (jobs.length > 0) this.#jobsByKey.set(queueKey, jobs);
      return job;
    }
    return undefined;
  }
}
