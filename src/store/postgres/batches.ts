import { StorageFault } from '../../contract/store/store.ts';
import { isCollision, isStatementFault, toStorageFault } from './postgres-faults.ts';

const maxBatch = 200;
// An unreachable server must lead to faults, not to a queue that fills the memory.
const maxPending = 50_000;
// Operations that arrive while this many statements are under way are gathered for the next one.
const usualInFlight = 3;
const maxCollisionRetries = 5;
/** A statement and its commit cost the server as much as several of the rows that they carry. */
const gatherMs = 10;
/** A batch of fewer operations is not worth a wait. */
const minGathered = 8;

type Pending<Op, Result> = {
  readonly op: Op;
  readonly resolve: (result: Result) => void;
  readonly reject: (fault: StorageFault) => void;
};

/**
 * Group commit: the operations of one event-loop turn go out as one statement, which is one transaction and one round
 * trip. Each promise resolves after the commit. While many are submitted, those of some turns are gathered, so that few
 * statements carry them; an operation among few goes out at once.
 *
 * When a batch fails, each operation is tried alone, so that one bad operation does not harm the others. When the
 * connection breaks while the server commits, the outcome is unknown: the whole batch is rejected and may still be found
 * written. An insert may then execute a run although its client was asked to retry; the client's idempotency key leads the
 * retry to that run. Nothing acknowledged is lost.
 */
export class Batches<Op, Result> {
  readonly #send: (ops: readonly Op[]) => Promise<readonly Result[]>;
  readonly #keysOf: (op: Op) => readonly string[];
  readonly #maxInFlight: number;
  #pending: Pending<Op, Result>[] = [];
  readonly #inFlight = new Set<Promise<void>>();
  #scheduled = false;
  #closed = false;
  /** Before this instant of the monotonic clock nothing goes out. */
  #gatherUntilMs = 0;

  /**
   * @param options.send runs one statement; resolves to its results in the order of the operations.
   * @param options.keysOf names the rows that an operation writes: one statement can write a row only once.
   * @param options.maxInFlight how many statements may be under way; left out, three.
   */
  constructor(options: {
    readonly send: (ops: readonly Op[]) => Promise<readonly Result[]>;
    readonly keysOf: (op: Op) => readonly string[];
    readonly maxInFlight?: number | undefined;
  }) {
    this.#send = options.send;
    this.#keysOf = options.keysOf;
    this.#maxInFlight = options.maxInFlight ?? usualInFlight;
  }

  /** Rejects with `StorageFault`. */
  submit(op: Op): Promise<Result> {
    if (this.#closed) return Promise.reject(new StorageFault('the store is closed'));
    if (this.#pending.length >= maxPending) return Promise.reject(new StorageFault('too many writes wait already'));
    return new Promise((resolve, reject) => {
      this.#pending.push({ op, resolve, reject });
      this.#schedule();
    });
  }

  /** Settles everything that was submitted and refuses more. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#flush();
    while (this.#inFlight.size > 0) await Promise.all(this.#inFlight);
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const flush = (): void => {
      this.#scheduled = false;
      this.#flush();
    };
    const waitMs = this.#gatherUntilMs - performance.now();
    if (waitMs > 0) setTimeout(flush, waitMs);
    else setImmediate(flush);
  }

  #flush(): void {
    if (this.#pending.length >= minGathered) this.#gatherUntilMs = performance.now() + gatherMs;
    while (this.#pending.length > 0 && this.#inFlight.size < this.#maxInFlight) {
      const sent = this.#settle(this.#takeBatch()).then(() => {
        this.#inFlight.delete(sent);
        if (this.#closed) this.#flush();
        else if (this.#pending.length > 0) this.#schedule();
      });
      this.#inFlight.add(sent);
    }
  }

  #takeBatch(): readonly Pending<Op, Result>[] {
    const batch: Pending<Op, Result>[] = [];
    const left: Pending<Op, Result>[] = [];
    const keys = new Set<string>();
    let seen = 0;
    for (; seen < this.#pending.length && batch.length < maxBatch; seen++) {
      const pending = this.#pending[seen] as Pending<Op, Result>;
      const wanted = this.#keysOf(pending.op);
      if (wanted.some((key) => keys.has(key))) left.push(pending);
      else batch.push(pending);
      // Also for operations that are left behind: those on the same row keep their order.
      for (const key of wanted) keys.add(key);
    }
    this.#pending = left.concat(this.#pending.slice(seen));
    return batch;
  }

  async #settle(batch: readonly Pending<Op, Result>[]): Promise<void> {
    try {
      resolveAll(batch, await this.#send(batch.map(({ op }) => op)));
    } catch (error) {
      if (isStatementFault(error)) for (const pending of batch) await this.#settleAlone(pending);
      else for (const { reject } of batch) reject(toStorageFault(error));
    }
  }

  async #settleAlone(pending: Pending<Op, Result>): Promise<void> {
    for (let retriesLeft = maxCollisionRetries; ; retriesLeft--) {
      try {
        return resolveAll([pending], await this.#send([pending.op]));
      } catch (error) {
        if (!isCollision(error) || retriesLeft === 0) return pending.reject(toStorageFault(error));
      }
    }
  }
}

function resolveAll<Op, Result>(batch: readonly Pending<Op, Result>[], results: readonly Result[]): void {
  for (const [index, { resolve }] of batch.entries()) resolve(results[index] as Result);
}
