import type { DatabaseSync } from 'node:sqlite';
import { arrivals } from '../../compute/arrivals.ts';
import { readLarge } from '../../compute/turns.ts';
import type { RunEvent } from '../../contract/domain/event.ts';
import type { Run, RunKey, RunSummary } from '../../contract/domain/run.ts';
import type { Admission } from '../../contract/domain/thread.ts';
import type { Rows } from '../../contract/store/rows.ts';
import {
  type Claim,
  type Idempotency,
  type Insertion,
  type InsertTerms,
  type RunConditions,
  type RunQuery,
  type RunUpdate,
  type Store,
  UpstreamTaken,
} from '../../contract/store/store.ts';
import { decodeEvents } from '../event-rows.ts';
import { type LargeTexts, writeLarge } from '../large-json.ts';
import { decodeLargeRun, decodeRun } from '../run-rows.ts';
import { DeploymentSecrets } from './deployment-secrets.ts';
import type { FileLock } from './file-lock.ts';
import { RunExpiry } from './run-expiry.ts';
import { RunSearch } from './run-search.ts';
import { prepareClaim, prepareExpire, prepareInsert, prepareRemove, prepareUpdate } from './run-writes.ts';
import { isLarge } from './slices.ts';
import { SqliteCaps } from './sqlite-caps.ts';
import { SqliteDurations } from './sqlite-durations.ts';
import { translateRows, withStorageFaults } from './sqlite-faults.ts';
import { SqliteFence } from './sqlite-fence.ts';
import { SqliteItems } from './sqlite-items.ts';
import { SqliteOperations } from './sqlite-operations.ts';
import { SqliteOutbox } from './sqlite-outbox.ts';
import { SqliteSchedules } from './sqlite-schedules.ts';
import { prepareStatements, type Statements } from './sqlite-statements.ts';
import { SqliteThreads } from './sqlite-threads.ts';
import { SqliteTickets } from './sqlite-tickets.ts';
import { SqliteUsage } from './sqlite-usage.ts';
import { UpstreamKeys } from './upstream-keys.ts';
import { WriteQueue } from './write-queue.ts';

/**
 * Runs, events and threads in one SQLite file. Reads are answered at once, between two transactions; writes go through the
 * queue. Heartbeats are kept in memory: the file has one process, so a replica that is not in this memory is dead.
 */
export class SqliteStore implements Store {
  readonly shared = false;
  readonly durations: SqliteDurations;
  readonly wakes = null;
  readonly quotas = null;
  readonly usage: SqliteUsage;
  readonly caps: SqliteCaps;
  readonly tickets: SqliteTickets;
  readonly operations: SqliteOperations;
  readonly schedules: SqliteSchedules;
  readonly outbox: SqliteOutbox;
  readonly items: SqliteItems;
  readonly fence: SqliteFence | null;
  readonly #statements: Statements;
  readonly #upstreams: UpstreamKeys;
  readonly #search: RunSearch;
  readonly #expiry: RunExpiry;
  readonly #writes: WriteQueue;
  readonly threads: SqliteThreads;
  readonly #close: () => Promise<void> | void;
  /** The last heartbeat of each replica, in milliseconds of the monotonic clock. */
  readonly #beats = new Map<string, number>();
  #closing: Promise<void> | null = null;

  constructor(options: {
    readonly database: DatabaseSync;
    readonly busyTimeoutMs: number;
    readonly spacingMs?: number | undefined;
    readonly onCommit: () => void;
    readonly onCommitted?: ((seconds: number) => void) | undefined;
    /** Closes the database, after the last write. */
    readonly close: () => Promise<void> | void;
    /** Where the database is; left out for one in memory, which has no copies. */
    readonly place?: { readonly path: string; readonly given: string; readonly lock: FileLock };
    /** Another process may have the file, and nothing is written. */
    readonly isReader?: true;
  }) {
    const { database, place } = options;
    this.#statements = prepareStatements(options.database);
    this.#search = new RunSearch(options.database, this.#statements);
    this.#expiry = new RunExpiry(this.#statements);
    this.#writes = new WriteQueue({
      ...options,
      onCommit: () => {
        this.fence?.commit();
        options.onCommit();
      },
      refusal: () => this.fence?.fault ?? null,
    });
    this.#upstreams = new UpstreamKeys(options.database, this.#writes);
    this.fence = place === undefined ? null : new SqliteFence({ ...place, database, writes: this.#writes });
    const secrets = new DeploymentSecrets(options.database, this.#writes);
    this.threads = new SqliteThreads({
      ...{ database, statements: this.#statements, writes: this.#writes, secrets },
      onRunsRemoved: () => this.fence?.forget(),
    });
    this.durations = new SqliteDurations(options.database, this.#writes);
    this.tickets = new SqliteTickets(options.database, this.#writes, secrets);
    this.operations = new SqliteOperations(options.database, this.#statements, this.#writes);
    this.caps = new SqliteCaps(options.database);
    this.usage = new SqliteUsage(options.database, this.#writes);
    this.schedules = new SqliteSchedules(options.database, this.#writes);
    this.outbox = new SqliteOutbox(options.database, this.#writes);
    if (options.isReader !== true) this.outbox.returnClaimed();
    this.items = new SqliteItems(options.database, this.#writes);
    this.#close = options.close;
  }

  async insert(
    run: Run,
    events: readonly RunEvent[],
    idempotency?: Idempotency,
    admission?: Admission,
  ): Promise<Insertion> {
    return await this.insertWithin(run, events, { idempotency, admission, caps: [] });
  }

  async insertWithin(run: Run, events: readonly RunEvent[], terms: InsertTerms): Promise<Insertion> {
    const { idempotency, admission } = terms;
    const caps = terms.caps.length === 0 ? null : this.caps.prepareCount(terms.caps);
    const writing = writeLarge(run, events, { isNew: true });
    const texts = writing === null ? null : await writing;
    const insertion = await this.#writes.submit(
      prepareInsert(this.#statements, { run, events, idempotency, admission, caps, texts }),
    );
    if (insertion.kind === 'inserted') this.fence?.note(run.runId, run.version);
    return insertion;
  }

  async update(update: RunUpdate): Promise<boolean> {
    const writing = writeLarge(update.run, update.events, { isNew: false });
    if (writing === null) return await this.#update(update, null);
    return await arrivals.follow(writing.then((texts) => this.#update(update, texts)));
  }

  async #update(update: RunUpdate, texts: LargeTexts | null): Promise<boolean> {
    const { settlements = [] } = update;
    const settle = settlements.length === 0 ? null : this.caps.prepareSettle(settlements);
    const write = prepareUpdate({ statements: this.#statements, upstreams: this.#upstreams }, update, texts);
    const isWritten = await this.#writes.submit(() => {
      const result = write();
      if (result === true) settle?.();
      return result;
    });
    if (isWritten === null) throw new UpstreamTaken();
    if (update.upstreamKey !== undefined) this.#upstreams.sortWhenMany();
    if (isWritten) this.fence?.note(update.run.runId, update.run.version);
    return isWritten;
  }

  async remove(key: RunKey, expectedVersion: number): Promise<boolean> {
    const isRemoved = await this.#writes.submit(prepareRemove(this.#statements, key, expectedVersion));
    if (isRemoved) this.fence?.forget();
    return isRemoved;
  }

  async find(key: RunKey): Promise<Run | null> {
    return await withStorageFaults(() => {
      const { find, weighRun } = this.#statements;
      if (isLarge(weighRun.get(key.runId))) {
        return readLarge(`run ${key.tenant} ${key.runId}`, async () => {
          const row = find.get(key.runId, key.tenant);
          return row === undefined ? null : await decodeLargeRun(row);
        });
      }
      const row = find.get(key.runId, key.tenant);
      return row === undefined ? null : decodeRun(row);
    });
  }

  async findAll(keys: readonly RunKey[]): Promise<readonly Run[]> {
    const found = await Promise.all(keys.map((key) => this.find(key)));
    return found.filter((run) => run !== null);
  }

  async findByUpstream(upstreamKey: string): Promise<string | null> {
    return await withStorageFaults(() => this.#upstreams.find(upstreamKey));
  }

  async findOfAnyTenant(runId: string): Promise<Run | null> {
    return await withStorageFaults(() => {
      const { findOfAnyTenant, weighRun } = this.#statements;
      const read = () => {
        const row = findOfAnyTenant.get(runId);
        return row === undefined ? null : decodeLargeRun(row);
      };
      return isLarge(weighRun.get(runId)) ? readLarge(`run ${runId}`, async () => await read()) : read();
    });
  }

  search(query: RunQuery): Rows<RunSummary> {
    return translateRows(this.#search.find(query));
  }

  async count(conditions: RunConditions): Promise<number> {
    return await withStorageFaults(() => this.#search.count(conditions));
  }

  async events(runId: string, afterSeq: number, limit: number): Promise<readonly RunEvent[]> {
    const read = (): Promise<readonly RunEvent[]> => {
      const source = this.#statements.eventSource.get(runId);
      const rows = this.#statements.events.all(runId, afterSeq, limit);
      return decodeEvents(runId, { source, rows }, { afterSeq, limit });
    };
    return await withStorageFaults(() =>
      isLarge(this.#statements.weighRun.get(runId)) ? readLarge(`events ${runId} ${afterSeq} ${limit}`, read) : read(),
    );
  }

  async beat(replica: string): Promise<void> {
    await this.fence?.renew();
    this.#beats.set(replica, performance.now());
  }

  async claim(claim: Claim): Promise<readonly Run[]> {
    const isLive = (owner: string): boolean => {
      const beatMs = this.#beats.get(owner);
      return beatMs !== undefined && performance.now() - beatMs < claim.deadAfterMs;
    };
    this.#beats.set(claim.replica, performance.now());
    return await this.#writes.submit(prepareClaim(this.#statements, claim, isLive));
  }

  async owned(replica: string, afterRunId: string | null, limit: number): Promise<readonly Run[]> {
    return await withStorageFaults(() =>
      this.#statements.ownedAfter.all(replica, afterRunId ?? '', limit).map(decodeRun),
    );
  }

  async release(replica: string): Promise<void> {
    this.#beats.delete(replica);
    await this.fence?.stop();
  }

  subscribe(): () => void {
    return () => {};
  }

  async expire(finishedBeforeMs: number, nowMs: number, limit: number): Promise<number> {
    const runs = await withStorageFaults(() => this.#expiry.find(finishedBeforeMs, limit));
    const bounds = { finishedBeforeMs, nowMs, limit };
    const removed = await this.#writes.submit(prepareExpire(this.#statements, runs, bounds));
    if (removed > 0) this.fence?.forget();
    return removed;
  }

  async ping(): Promise<void> {
    await this.fence?.inspect();
    await withStorageFaults(() => this.#statements.ping.get());
    if (!this.#writes.isRefused) return;
    // Two transactions: of what is written and removed again in one, nothing reaches the disk.
    await this.#writes.submit(() => this.#statements.probe.run());
    await this.#writes.probe(() => void this.#statements.unprobe.run());
  }

  close(): Promise<void> {
    this.#closing ??= this.#writes.close().then(this.#close);
    return this.#closing;
  }
}
