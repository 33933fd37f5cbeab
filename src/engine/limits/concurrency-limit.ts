import { Turns } from './turns.ts';

type Waiter = { readonly runId: string; readonly admit: (admitted: boolean) => void };

/** A run that asks for a slot. */
export type SlotRequest = { readonly tenant: string; readonly agentId: string; readonly runId: string };

export type ConcurrencyLimitOptions =
  /** A bound of this process alone; `Infinity` for no bound. */
  | { readonly kind: 'own'; readonly max: number }
  /** No run starts but by {@link ConcurrencyLimit.grant}; the slot of a run that ended goes to any replica. */
  | { readonly kind: 'granted' };

/**
 * How many runs may be live at one backend's account. Runs without a slot wait: first come, first served among the runs
 * that a tenant has of an agent. The tenants take turns, and so do the agents of a tenant, so that none with many runs
 * starves the others.
 */
export class ConcurrencyLimit {
  readonly #isOwn: boolean;
  /** True: nothing is counted. */
  readonly #isBoundless: boolean;
  #free: number;
  #isGranted = false;
  /** Admitted runs; true once the vendor may have been asked. */
  readonly #held = new Map<string, boolean>();
  /** In the order in which the tenants are served; the agents of each take turns. */
  readonly #tenants = new Map<string, Turns<Waiter>>();
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
    for (const turns of this.#tenants.values()) waiting += turns.size;
    return waiting;
  }

  /** Admitted runs whose start is not yet written. */
  get opening(): number {
    let opening = 0;
    for (const began of this.#held.values()) if (!began) opening += 1;
    return opening;
  }

  /** Runs that hold a slot; 0 where there is no bound, because then none is counted. */
  get held(): number {
    return this.#held.size;
  }

  /** No run holds a slot, and none waits for one. */
  get isIdle(): boolean {
    return this.#held.size === 0 && this.#tenants.size === 0;
  }

  /** Whether a run would have to wait for a slot if it asked now. */
  isFullFor(runId: string): boolean {
    if (this.#isBoundless || this.#held.has(runId)) return false;
    return this.#tenants.size > 0 || this.#free <= 0;
  }

  /** Whether runs wait because the store has not answered lately. */
  get isUngranted(): boolean {
    return !this.#isOwn && !this.#isGranted;
  }

  /** Admits this many more runs. */
  grant(starts: number): void {
    this.#isGranted = true;
    this.#free += starts;
    this.#serve();
  }

  /** Voids unused grants: no run is admitted before the next grant. */
  voidGrants(): void {
    this.#free = 0;
  }

  /** The same because the store has not answered for too long. */
  expireGrants(): void {
    this.#isGranted = false;
    this.voidGrants();
  }

  /** Counts a run that is live already, whether or not a slot is free. */
  hold(runId: string): void {
    if (this.#isBoundless || this.#held.has(runId)) return;
    this.#held.set(runId, true);
    if (this.#isOwn) this.#free -= 1;
  }

  /** True: the run has a slot and need not wait. */
  tryAcquire(runId: string): boolean {
    if (this.isFullFor(runId)) return false;
    if (!this.#isBoundless && !this.#held.has(runId)) this.#admit(runId);
    return true;
  }

  /** Resolves with true when the run has a slot, with false when the signal fired first. `onWait` is called if it has to wait. */
  acquire({ tenant, agentId, runId }: SlotRequest, signal: AbortSignal, onWait: () => void): Promise<boolean> {
    if (signal.aborted) return Promise.resolve(false);
    if (this.tryAcquire(runId)) return Promise.resolve(true);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const turns = this.#tenants.get(tenant) ?? new Turns<Waiter>();
    this.#tenants.set(tenant, turns);
    const leave = (): void => {
      turns.delete(agentId, waiter);
      if (turns.size === 0 && this.#tenants.get(tenant) === turns) this.#tenants.delete(tenant);
      waiter.admit(false);
    };
    const waiter: Waiter = {
      runId,
      admit: (admitted) => {
        signal.removeEventListener('abort', leave);
        resolve(admitted);
      },
    };
    signal.addEventListener('abort', leave, { once: true });
    turns.add(agentId, waiter);
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
    if (this.#tenants.size > 0) this.#onWait();
  }

  #admit(runId: string): void {
    this.#held.set(runId, false);
    this.#free -= 1;
  }

  #serve(): void {
    while (this.#free > 0) {
      const [turn] = this.#tenants;
      if (turn === undefined) return;
      const [tenant, turns] = turn;
      const waiter = turns.take();
      // The tenant moves to the end of the line, and leaves it with its last waiting run.
      this.#tenants.delete(tenant);
      if (turns.size > 0) this.#tenants.set(tenant, turns);
      if (waiter === undefined) continue;
      this.#admit(waiter.runId);
      waiter.admit(true);
    }
  }
}
