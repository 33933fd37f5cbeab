import { LinkedList } from '../../collections/linked-list.ts';
import type { Run } from '../../contract/domain/run.ts';
import type { Waiting } from '../../contract/domain/waiting.ts';
import { StorageFault, type Store } from '../../contract/store/store.ts';
import type { Hindrance } from '../limits/account-health.ts';
import { giveUpClaim } from '../limits/run-permit.ts';
import type { BackendHealth } from './backend-health.ts';
import type { LiveRuns } from './live-runs.ts';
import { ParkedRun, type ParkedRunOptions, type Parking, standBackMs } from './parked-run.ts';
import type { WorkerDeps } from './run-context.ts';
import { lookAtWait, vendorHindrance, waitingFor } from './run-wait.ts';
import type { WaitLook } from './wait-notes.ts';

export type ParkedRunsDeps = Pick<WorkerDeps, 'replica' | 'clock' | 'backends' | 'log'> & {
  readonly store: Pick<Store, 'findAll'>;
  readonly health: Pick<BackendHealth, 'forget'>;
  readonly live: LiveRuns;
  /** Gives a run its loop again. */
  readonly unpark: (run: Run, parked: ParkedRun) => void;
};

/** Runs are read this much before they are due, at most: those of one slot with one query. */
const earlyShare = 1 / 128;
const maxEarlyMs = 128;
/** Read at once; the event loop serves others in between. */
const batch = 100;
const storageRetryMs = 500;
const defectRetryMs = 5000;

type Slot = { readonly runs: LinkedList<ParkedRun>; readonly cancel: () => void };

/** The parked runs of this process, on a wheel of slots in time. The store is the truth: a run is read before it goes on. */
export class ParkedRuns implements Parking {
  readonly #deps: ParkedRunsDeps;
  /** By the instant at which their runs are read. */
  readonly #slots = new Map<number, Slot>();
  /** Runs that are read in the next turn of the event loop. */
  #roused: ParkedRun[] = [];
  /** The last read failed, and a line says so. */
  #isAway = false;

  constructor(deps: ParkedRunsDeps) {
    this.#deps = deps;
  }

  /** Puts a run in the place of its loop until `delayMs` from now, or until something happens to it. */
  park(options: ParkedRunOptions, delayMs: number): void {
    const parked = new ParkedRun(this, options);
    this.#deps.live.set(parked);
    this.#shelve(parked, delayMs);
  }

  rouse(parked: ParkedRun): void {
    if (parked.dueMs === null) return;
    this.#take(parked);
    this.#roused.push(parked);
    if (this.#roused.length > 1) return;
    setImmediate(() => {
      const roused = this.#roused;
      this.#roused = [];
      void this.#wake(roused);
    });
  }

  refresh(parked: ParkedRun, run: Run | null): void {
    if (run !== null && run.version <= parked.version) return;
    if (run === null || run.owner !== this.#deps.replica || run.phase !== parked.phase) {
      this.#settle(parked, run);
      return;
    }
    // What it waits for was recorded, or the owner changed and changed back.
    parked.version = run.version;
    parked.recorded = run.waiting?.cause ?? null;
  }

  waitingFor(parked: ParkedRun): Waiting | null {
    return waitingFor(this.#hindrance(parked), this.#deps.clock);
  }

  lookAtWait(parked: ParkedRun): WaitLook {
    return lookAtWait(parked.memory, this.#hindrance(parked)?.cause ?? null, parked.recorded);
  }

  drop(parked: ParkedRun): void {
    const { live, backends, health } = this.#deps;
    this.#take(parked);
    live.delete(parked);
    health.forget(parked.backend, parked.runId);
    giveUpClaim(backends.of(parked.backend, parked.tenant), parked.runId, parked.memory);
  }

  reclaim({ backend, tenant, runId, memory }: ParkedRun): void {
    if (!memory.isHeld) return;
    const account = this.#deps.backends.of(backend, tenant);
    account.hold();
    account.concurrency.hold(runId);
  }

  #hindrance({ phase, backend, tenant, memory }: ParkedRun): Hindrance | null {
    const { backends, clock } = this.#deps;
    if (phase !== 'running') return null;
    return backends.of(backend, tenant).callQueue.accountHindrance() ?? vendorHindrance(memory, clock);
  }

  #shelve(parked: ParkedRun, delayMs: number): void {
    const { clock } = this.#deps;
    const nowMs = clock.monotonicMs();
    const stepMs = 2 ** Math.floor(Math.log2(Math.max(1, Math.min(delayMs * earlyShare, maxEarlyMs))));
    const dueMs = Math.floor((nowMs + delayMs) / stepMs) * stepMs;
    const slot = this.#slots.get(dueMs) ?? this.#openSlot(dueMs, nowMs);
    parked.place = slot.runs.add(parked);
    parked.dueMs = dueMs;
  }

  #openSlot(dueMs: number, nowMs: number): Slot {
    const runs = new LinkedList<ParkedRun>();
    const cancel = this.#deps.clock.schedule(dueMs - nowMs, () => {
      this.#slots.delete(dueMs);
      const due = runs.items();
      for (const parked of due) {
        parked.dueMs = null;
        parked.place = null;
      }
      void this.#wake(due.filter((parked) => !this.#standsBack(parked)));
    });
    const slot = { runs, cancel };
    this.#slots.set(dueMs, slot);
    return slot;
  }

  #take(parked: ParkedRun): void {
    const { dueMs, place } = parked;
    parked.dueMs = null;
    parked.place = null;
    const slot = dueMs === null ? undefined : this.#slots.get(dueMs);
    if (dueMs === null || slot === undefined || place === null) return;
    slot.runs.remove(place);
    if (slot.runs.oldest !== null) return;
    slot.cancel();
    this.#slots.delete(dueMs);
  }

  async #wake(due: readonly ParkedRun[]): Promise<void> {
    for (let from = 0; from < due.length; from += batch) {
      if (from > 0) await new Promise((resolve) => setImmediate(resolve));
      const left = due.slice(from, from + batch).filter((parked) => this.#isParked(parked));
      if (left.length > 0) await this.#read(left);
    }
  }

  /** A run whose poll would only join a crowd is not read for it. */
  #standsBack(parked: ParkedRun): boolean {
    const { backends, clock } = this.#deps;
    const { backend, tenant, memory, deadlineMs } = parked;
    const leftMs = deadlineMs - clock.monotonicMs();
    if (leftMs <= 0 || memory.isPushed || memory.owesWait) return false;
    if (!backends.of(backend, tenant).callQueue.isCrowded) return false;
    this.#shelve(parked, Math.min(leftMs, standBackMs(clock)));
    return true;
  }

  /** Never rejects. */
  async #read(due: readonly ParkedRun[]): Promise<void> {
    const { store, log } = this.#deps;
    let found: readonly Run[];
    try {
      found = await store.findAll(due);
    } catch (error) {
      if (error instanceof StorageFault && !error.isOfOneRow) {
        if (!this.#isAway) log.warn({ err: error }, 'store unavailable; polls that are due wait until it is back');
        this.#isAway = true;
        this.#postpone(due, storageRetryMs);
        return;
      }
      // One run that cannot be read must not hold up the others.
      if (due.length > 1) {
        for (const parked of due) await this.#read([parked]);
        return;
      }
      log.error({ err: error, run_id: due[0]?.runId }, 'a run could not be read; it is read again later');
      this.#postpone(due, defectRetryMs);
      return;
    }
    this.#isAway = false;
    const runs = new Map(found.map((run) => [run.runId, run]));
    for (const parked of due) {
      if (!this.#isParked(parked)) continue;
      const run = runs.get(parked.runId) ?? null;
      // It was claimed back while it was being read.
      if (run !== null && run.version < parked.version) this.#shelve(parked, 0);
      else this.#settle(parked, run);
    }
  }

  #postpone(due: readonly ParkedRun[], delayMs: number): void {
    for (const parked of due) if (this.#isParked(parked)) this.#shelve(parked, delayMs);
  }

  /** False: something happened to the run while it was being read. */
  #isParked(parked: ParkedRun): boolean {
    return this.#deps.live.get(parked.runId) === parked;
  }

  /** Goes on with a run that is as given; null: it was removed. */
  #settle(parked: ParkedRun, run: Run | null): void {
    const { replica, log, unpark } = this.#deps;
    if (run !== null && run.phase !== 'done' && run.owner === replica) {
      this.#take(parked);
      unpark(run, parked);
      return;
    }
    if (run !== null && run.phase !== 'done') {
      log.info({ run_id: run.runId, owner: run.owner }, 'run claimed by another replica');
    }
    this.drop(parked);
  }
}
