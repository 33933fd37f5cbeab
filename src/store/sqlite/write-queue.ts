import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { StorageFault } from '../../contract/store/store.ts';
import { isBusy, isDatabaseFault, toStorageFault } from './sqlite-faults.ts';

// Bounds how long one commit holds the event loop.
const maxBatch = 500;
// A lasting lock must lead to faults, not to a queue that fills the memory.
const maxPending = 50_000;
const busyRetryMs = 5;
/** Of a transaction that follows one of several writes: more of them are likely to come, and share its pages and its sync. */
export const usualSpacingMs = 2;

type Write = {
  /** Runs inside the transaction, and once more if another write failed: it must have no effect outside the database. */
  readonly apply: () => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (fault: StorageFault) => void;
};

type Outcome = { readonly write: Write; readonly value?: unknown; readonly fault?: StorageFault };

/**
 * Group commit: the writes of one event-loop turn share a transaction, and each promise resolves after its COMMIT. A write
 * that comes alone does not wait; those of a busy gateway wait for each other up to `spacingMs`.
 *
 * A write that fails by itself (a constraint) is rolled back to its savepoint and does not harm the others. When the
 * database fails, the whole batch is rejected and nothing of it is written. There is one exception, which no database can
 * avoid: if the disk fails to sync a commit and the power is cut before the next one, a batch that was reported as failed
 * can be found after the restart.
 */
export class WriteQueue {
  readonly #database: DatabaseSync;
  readonly #busyTimeoutMs: number;
  readonly #spacingMs: number;
  readonly #onCommit: () => void;
  readonly #onCommitted: ((seconds: number) => void) | undefined;
  readonly #refusal: () => StorageFault | null;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  #pending: Write[] = [];
  #scheduled = false;
  /** When the next transaction may begin, in milliseconds of the monotonic clock. */
  #nextMs = 0;
  #busySinceMs: number | null = null;
  #isRefused = false;
  #closed = false;

  constructor(options: {
    readonly database: DatabaseSync;
    readonly busyTimeoutMs: number;
    /** Left out: {@link usualSpacingMs}. */
    readonly spacingMs?: number | undefined;
    readonly onCommit: () => void;
    /** Called with how long each transaction took, once its writes are settled. */
    readonly onCommitted?: ((seconds: number) => void) | undefined;
    /** Why nothing may be written now; null when it may. */
    readonly refusal?: () => StorageFault | null;
  }) {
    this.#database = options.database;
    this.#busyTimeoutMs = options.busyTimeoutMs;
    this.#spacingMs = options.spacingMs ?? usualSpacingMs;
    this.#onCommit = options.onCommit;
    this.#onCommitted = options.onCommitted;
    this.#refusal = options.refusal ?? (() => null);
    this.#begin = options.database.prepare('BEGIN IMMEDIATE');
    this.#commit = options.database.prepare('COMMIT');
  }

  /** Whether the database refused the last transaction: a full disk still answers every read. */
  get isRefused(): boolean {
    return this.#isRefused;
  }

  /**
   * Writes what shows whether the database takes writes again. Others do not: a small one may find room on a disk that is too
   * full for the next run. Rejects with `StorageFault`.
   */
  async probe(apply: () => void): Promise<void> {
    await this.submit(apply);
    this.#isRefused = false;
  }

  /** Runs `apply` in the next transaction. Rejects with `StorageFault`. */
  submit<T>(apply: () => T): Promise<T> {
    if (this.#closed) return Promise.reject(new StorageFault('the store is closed'));
    const refusal = this.#refusal();
    if (refusal !== null) return Promise.reject(refusal);
    if (this.#pending.length >= maxPending) return Promise.reject(new StorageFault('too many writes wait already'));
    return new Promise<T>((resolve, reject) => {
      // The queue hands back what `apply` returned, so the cast only restores the type that the array forgot.
      this.#pending.push({ apply, resolve: (value) => resolve(value as T), reject });
      this.#schedule();
    });
  }

  /** Settles every write that was submitted before, then refuses more. */
  async close(): Promise<void> {
    if (this.#closed) return;
    const last = this.submit(() => undefined);
    this.#closed = true;
    await last.catch(() => undefined);
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const waitMs = this.#nextMs - performance.now();
    if (waitMs > 0) setTimeout(() => this.#flush(), waitMs);
    else setImmediate(() => this.#flush());
  }

  #flush(): void {
    this.#scheduled = false;
    const batch = this.#pending.slice(0, maxBatch);
    const sinceMs = performance.now();
    let outcomes: readonly Outcome[];
    let isCommitted = true;
    try {
      outcomes = this.#commitBatch(batch);
    } catch (error) {
      if (isBusy(error) && this.#mayWait()) {
        // Waiting inside SQLite would stop the event loop, so the whole batch is retried later.
        this.#scheduled = true;
        setTimeout(() => this.#flush(), busyRetryMs);
        return;
      }
      this.#isRefused = true;
      isCommitted = false;
      const fault = toStorageFault(error);
      outcomes = batch.map((write) => ({ write, fault }));
    }
    const nowMs = performance.now();
    const tookMs = nowMs - sinceMs;
    this.#nextMs = batch.length > 1 ? nowMs + this.#spacingMs : 0;
    this.#busySinceMs = null;
    this.#pending = this.#pending.slice(batch.length);
    if (this.#pending.length > 0) this.#schedule();
    for (const { write, value, fault } of outcomes) {
      if (fault === undefined) write.resolve(value);
      else write.reject(fault);
    }
    if (isCommitted) this.#onCommitted?.(tookMs / 1000);
  }

  #mayWait(): boolean {
    const nowMs = performance.now();
    this.#busySinceMs ??= nowMs;
    return nowMs - this.#busySinceMs < this.#busyTimeoutMs;
  }

  #commitBatch(batch: readonly Write[]): readonly Outcome[] {
    try {
      return this.#transact(() => batch.map((write) => ({ write, value: write.apply() })));
    } catch (error) {
      if (isDatabaseFault(error)) throw error;
      // Savepoints cost every batch a copy of the pages it touches; a batch with a bad write is rare.
      return this.#transact(() => batch.map((write) => this.#applyAlone(write)));
    }
  }

  #applyAlone(write: Write): Outcome {
    this.#database.exec('SAVEPOINT one_write');
    try {
      const value = write.apply();
      this.#database.exec('RELEASE one_write');
      return { write, value };
    } catch (error) {
      if (isDatabaseFault(error)) throw error;
      this.#database.exec('ROLLBACK TO one_write; RELEASE one_write');
      return { write, fault: toStorageFault(error) };
    }
  }

  #transact<T>(work: () => T): T {
    this.#begin.run();
    try {
      const result = work();
      this.#commit.run();
      this.#onCommit();
      return result;
    } catch (error) {
      // Some faults make SQLite roll back by itself.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }
}
