import type { Clock } from '../../contract/domain/clock.ts';
import type { Log } from '../../contract/domain/log.ts';
import type { OperationsStore, ReplicaReport, ReplicaRow } from '../../contract/store/operations-store.ts';
import type { Stops } from '../limits/stops.ts';
import { repeat } from '../sleeper.ts';

export type PresenceDeps = {
  readonly store: OperationsStore;
  /** Rejects while the store takes no reads or writes. */
  readonly ping: () => Promise<void>;
  readonly stops: Stops;
  readonly clock: Clock;
  readonly log: Log;
  readonly replica: string;
  readonly describe: () => ReplicaReport;
  /** A replica that was not heard for longer counts as dead. */
  readonly deadAfterMs: number;
  /** Called when operators begin or end the drain of this replica. */
  readonly onDrain: (shouldDrain: boolean) => void;
};

/** A dead replica that drives nothing is of no interest after this. */
const longDeadMs = 3_600_000;
/** A store that has answered nothing for longer is away, whether or not a call has failed by now. */
const maxSilentMs = 15_000;

/** Reports this replica to the others, and learns what operators have stopped and whether it is to drain. */
export class Presence {
  readonly #deps: PresenceDeps;
  #end: () => Promise<void> = () => Promise.resolve();
  #unsubscribe: () => void = () => {};
  #isDraining = false;
  #isStale = false;
  /** When the store answered last, by either clock. */
  #answered: { readonly atMs: number; readonly monotonicMs: number };
  #replicas: readonly ReplicaRow[] = [];

  constructor(deps: PresenceDeps) {
    this.#deps = deps;
    this.#answered = answeredNow(deps.clock);
  }

  /** Whether operators drain this replica. */
  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** Since when the store takes nothing, by the wall clock; null: it answers. */
  get storeAwaySinceMs(): number | null {
    const silentMs = this.#deps.clock.monotonicMs() - this.#answered.monotonicMs;
    return this.#isStale || silentMs > maxSilentMs ? this.#answered.atMs : null;
  }

  /** Replicas by whether they were heard within `deadAfterMs`; `silent` are those that are missed. */
  countReplicas(): { readonly alive: number; readonly silent: number } {
    const { clock, replica, deadAfterMs } = this.#deps;
    const nowMs = clock.nowMs();
    const isAlive = (row: ReplicaRow): boolean => row.replica === replica || nowMs - row.beatAtMs < deadAfterMs;
    const alive = this.#replicas.filter(isAlive).length;
    const silent = this.#replicas.filter((row) => !isAlive(row) && isMissed(row, nowMs)).length;
    return { alive, silent };
  }

  /** The replicas as they were read last. */
  get replicas(): readonly ReplicaRow[] {
    return this.#replicas;
  }

  /** Rejects with `StorageFault`: a replica that does not know what is stopped must start nothing. */
  async load(): Promise<void> {
    this.#deps.stops.replace(await this.#deps.store.stops());
  }

  /** Begins to report, once the replica has beaten first. Nothing waits for the first report. */
  start(heartbeatMs: number): void {
    const { store, clock } = this.#deps;
    this.#unsubscribe = store.onChange(() => void this.refresh());
    this.#end = repeat(clock, 0, async () => {
      await this.refresh();
      return heartbeatMs;
    });
  }

  /** Never rejects: what is known stays in force until the store answers. */
  async refresh(): Promise<void> {
    const { store, ping, stops, replica, describe, log, onDrain, clock } = this.#deps;
    try {
      await ping();
      stops.replace(await store.stops());
      await store.report(replica, describe());
      this.#replicas = await store.replicas();
      const own = this.#replicas.find((row) => row.replica === replica);
      this.#answered = answeredNow(clock);
      if (this.#isStale) log.info({}, 'store available; stops and drains are read again');
      this.#isStale = false;
      if (own === undefined || own.shouldDrain === this.#isDraining) return;
      this.#isDraining = own.shouldDrain;
      log.info({}, own.shouldDrain ? 'replica drains' : 'replica takes runs again');
      onDrain(own.shouldDrain);
      await store.report(replica, describe());
    } catch (error) {
      if (!this.#isStale) log.warn({ err: error }, 'store unavailable; stops and drains are read again later');
      this.#isStale = true;
    }
  }

  async stop(): Promise<void> {
    this.#unsubscribe();
    await this.#end();
  }
}

function answeredNow(clock: Clock): { readonly atMs: number; readonly monotonicMs: number } {
  return { atMs: clock.nowMs(), monotonicMs: clock.monotonicMs() };
}

/** Whether a dead replica is still of interest: it drives runs, or went a short while ago. */
export function isMissed({ runs, beatAtMs }: Pick<ReplicaRow, 'runs' | 'beatAtMs'>, nowMs: number): boolean {
  return runs > 0 || nowMs - beatAtMs < longDeadMs;
}
