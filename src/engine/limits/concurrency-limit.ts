type Waiter = { readonly runId: string; readonly admit: (admitted: boolean) => void };

/**
 * How many runs may be live at one backend. Who finds no slot waits: first come, first served among the runs of an
 * agent, and the agents take turns, so that one with many runs does not starve the others.
 */
export class ConcurrencyLimit {
  readonly #isOwn: boolean;
  /** Then nothing is counted. */
  readonly #isBoundless: boolean;
  #free: number;
  /** Runs that were let in; true once the vendor may have been asked. */
  readonly #held = new Map<string, boolean>();
  /** In the order in which the agents are served. */
  readonly #queues = new Map<string, Set<Waiter>>();
  #onWait: () => void = () => {};

  /**
   * @param bound `own`: so many at a time, `Infinity` for no bound. `granted`: none but those that {@link grant} brings,
   *   each for one start; what a run that ended leaves behind is anybody's.
   */
  constructor(bound: { readonly kind: 'own'; readonly max: number } | { readonly kind: 'granted' }) {
    this.#isOwn = bound.kind === 'own';
    this.#isBoundless = bound.kind === 'own' && bound.max === Number.POSITIVE_INFINITY;
    this.#free = bound.kind === 'own' ? bound.max : 0;
  }

  /** Called whenever a run has to wait, and whenever one ends that others waited for. */
  onWait(callback: () => void): void {
    this.#onWait = callback;
  }

  get waiting(): number {
    let waiting = 0;
    for (const queue of this.#queues.values()) waiting += queue.size;
    return waiting;
  }

  /** Runs that were let in, and of which no write tells yet. */
  get opening(): number {
    let opening = 0;
    for (const began of this.#held.values()) if (!began) opening += 1;
    return opening;
  }

  /** So many more may be let in. */
  grant(starts: number): void {
    this.#free += starts;
    this.#serve();
  }

  /** Voids the grants that were not taken: no run is admitted before the next grant. */
  voidGrants(): void {
    this.#free = 0;
  }

  /** A run that is live already: it counts, whether there was a slot or not. */
  hold(runId: string): void {
    if (this.#isBoundless || this.#held.has(runId)) return;
    this.#held.set(runId, true);
    if (this.#isOwn) this.#free -= 1;
  }

  /** True: the run has a slot and need not wait. */
  tryAcquire(runId: string): boolean {
    if (this.#isBoundless || this.#held.has(runId)) return true;
    if (this.#queues.size > 0 || this.#free <= 0) return false;
    this.#letIn(runId);
    return true;
  }

  /** Resolves with true when the run has a slot, with false when the signal fired first. `onWait`: it has to wait. */
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

  /** The write that comes before the vendor is asked is done. */
  markStarted(runId: string): void {
    if (this.#held.has(runId)) this.#held.set(runId, true);
  }

  /** The run is live at the vendor no longer, or is not yet. */
  release(runId: string): void {
    const began = this.#held.get(runId);
    if (began === undefined) return;
    this.#held.delete(runId);
    if (this.#isOwn || !began) this.#free += 1;
    this.#serve();
    if (this.#queues.size > 0) this.#onWait();
  }

  #letIn(runId: string): void {
    this.#held.set(runId, false);
    this.#free -= 1;
  }

  #serve(): void {
    while (this.#free > 0) {
      const [turn] = this.#queues;
      if (turn === undefined) return;
      const [agentId, queue] = turn;
      const [waiter] = queue;
      // To the end of the line of agents; an agent whose last run is let in leaves it.
      this.#queues.delete(agentId);
      if (waiter === undefined) continue;
      this.#queues.set(agentId, queue);
      this.#letIn(waiter.runId);
      waiter.admit(true);
    }
  }
}
