import type { Clock } from '../../contract/domain/clock.ts';
import type { Log } from '../../contract/domain/log.ts';
import type { OperationsStore, ReplicaReport } from '../../contract/store/operations-store.ts';
import type { Stops } from '../limits/stops.ts';
import { repeat } from '../sleeper.ts';

export type PresenceDeps = {
  readonly store: OperationsStore;
  readonly stops: Stops;
  readonly clock: Clock;
  readonly log: Log;
  readonly replica: string;
  readonly describe: () => ReplicaReport;
  /** Called when operators begin or end the drain of this replica. */
  readonly onDrain: (shouldDrain: boolean) => void;
};

/** Reports this replica to the others, and learns what operators have stopped and whether it is to drain. */
export class Presence {
  readonly #deps: PresenceDeps;
  #end: () => Promise<void> = () => Promise.resolve();
  #unsubscribe: () => void = () => {};
  #isDraining = false;
  #isStale = false;

  constructor(deps: PresenceDeps) {
    this.#deps = deps;
  }

  /** Whether operators drain this replica. */
  get isDraining(): boolean {
    return this.#isDraining;
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
    const { store, stops, replica, describe, log, onDrain } = this.#deps;
    try {
      stops.replace(await store.stops());
      await store.report(replica, describe());
      const own = (await store.replicas()).find((row) => row.replica === replica);
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
