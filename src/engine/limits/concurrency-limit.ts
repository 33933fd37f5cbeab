type Waiter = { readonly runId: string; readonly admit: (admitted: boolean) => void };

export type ConcurrencyLimitOptions =
  /** A bound of this process alone; `Infinity` for no bound. */
  | { readonly kind: 'own'; readonly max: number }
  /** No run starts but by {@link ConcurrencyLimit.grant}; the slot of a run that ended goes to any replica. */
  | { readonly kind: 'granted' };

/**
 * How many runs may be live at one backend. Runs without a slot wait: first come, first served among the runs of an
 * agent, and the agents take turns, so that one with many runs does not starve the others.
 */
export class ConcurrencyLimit {
  readonly #isOwn: boolean;
  /** True: nothing is counted. */
  readonly #isBoundless: boolean;
  #free: number;
  /** Admitted runs; true once the vendor may have been asked. */
  readonly #held = new Map<string, boolean>();
  /** In the order in which the agents are served. */
  readonly #queues = new Map<string, Set<Waiter>>();
  readonly #onWait: () => void;

  /** @param onWait Called whenever a run has to wait, and whenever a slot is given back while runs wait. */
  constructor(options: ConcurrencyLimitOptions, onWait: () => void = () => {}) {
    this.#isOwn = options.kind === 'own';
    this.#isBoundless = options.kind === 'own' && options.max === Number.POSITIVE_INFINITY;
    this.#free = options.kind === 'own' ? options.max : 0;
    this.#onWait = onWait;
  }

  get waiting(): number {
    let waiting = 0;
    for (const queue of this.#queues.values()) waiting += queue.size;
    return waiting;
  }

  /** Admitted runs whose start is not yet written. */
  get opening(): number {
    let opening = 0;
    for (const began of this.#held.values()) if (!began) opening += 1;
    return opening;
  }

  /** Admits this many more runs. */
  grant(starts: number): void {
    this.#free += starts;
    this.#serve();
  }

  /** Voids unused grants: no run is admitted before the next grant. */
  voidGrants(): void {
    this.#free = 0;
  }

  /** Counts a run that is live already, whether or not a slot is free. */
  hold(runId: string): void {
    if (this.#isBoundless || this.#held.has(runId)) return;
    this.#held.set(runId, true);
    if (this.#isOwn) this.#free -= 1;
  }

  /** True: the run has a slot and need not wait. */
  tryAcquire(runId: string): boolean {
    if (this.#isBoundless || this.#held.has(runId)) return true;
    if (this.#queues.size > 0 || this.#free <= 0) return false;
    this.#admit(runId);
    return true;
  }

  /** Resolves with true when the run has a slot, with false when the signal fired first. `onWait` is called if it has to wait. */
  acquire(agentId: string, runId: string, signal: AbortSignal, onWait: () => void): Promise<boolean> {
    if (signal.aborted) return Promise.resolve(false);
    if (this.tryAcquire(runId)) return Promise.resolve(true);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const queue = this.#queues.get(agentId) ?? new Set<Waiter>();
    this.#queues.set(agentId, queue);
    const leave = (): void => waiter.admit(false);
    const waiter: Waiter = {
      runId,
      admit: (admitted) => {
        queue.delete(waiter);
        if (queue.size === 0 && this.#queues.get(agentId) === queue) this.#queues.delete(agentId);
        signal.removeEventListener('abort', leave);
        resolve(admitted);
      },
    };
    signal.addEventListener('abort', leave, { once: true });
    queue.add(waiter);
    onWait();
    this.#onWait();
    return promise;
  }

  /** The write that precedes the call to the vendor is durable. */
  markStarted(runId: string): void {
    if (this.#held.has(runId)) this.#held.set(runId, true);
  }

  /** Gives the slot back: the run is no longer live at the vendor, or not yet. */
  release(runId: string): void {
    const began = this.#held.get(runId);
    if (began === undefined) return;
    this.#held.delete(runId);
    if (this.#isOwn || !began) this.#free += 1;
    this.#serve();
    if (this.#queues.size > 0) this.#onWait();
  }

  #admit(runId: string): void {
    this.#held.set(runId, false);
    this.#free -= 1;
  }

  #serve(): void {
    while (this.#free > 0) {
      const [turn] = this.#queues;
      if (turn === undefined) return;
      const [agentId, queue] = turn;
      const [waiter] = queue;
      // The agent moves to the end of the line, and leaves it with its last waiting run.
      this.#queues.delete(agentId);
      if (waiter === undefined) continue;
      this.#queues.set(agentId, queue);
      this.#admit(waiter.runId);
      waiter.admit(true);
    }
  }
}
