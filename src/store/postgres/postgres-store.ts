import { z } from 'zod';
import { arrivals } from '../../compute/arrivals.ts';
import { readLarge } from '../../compute/turns.ts';
import type { ReachedCap } from '../../contract/domain/cap.ts';
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
  StorageFault,
  type Store,
  type StoreChange,
  UpstreamTaken,
} from '../../contract/store/store.ts';
import { decodeEvents } from '../event-rows.ts';
import { type LargeTexts, writeLarge } from '../large-json.ts';
import { decodeLargeRun, decodeRun } from '../run-rows.ts';
import { Announcer } from './announcer.ts';
import { bindStatements, type StorePool } from './connections.ts';
import { eventPayloads, isWithheld, readPieces } from './large-rows.ts';
import type { NotificationConnection } from './notification-connection.ts';
import { changeChannel } from './notifications.ts';
import { PostgresCaps } from './postgres-caps.ts';
import { PostgresDurations } from './postgres-durations.ts';
import { translateRows, violates, withStorageFaults } from './postgres-faults.ts';
import { PostgresFence } from './postgres-fence.ts';
import { PostgresItems } from './postgres-items.ts';
import { PostgresOperations } from './postgres-operations.ts';
import { PostgresOutbox } from './postgres-outbox.ts';
import { PostgresQuotas } from './postgres-quotas.ts';
import { PostgresSchedules } from './postgres-schedules.ts';
import { countRuns, searchRuns } from './postgres-search.ts';
import { piecedStatements, runPayloads, statements } from './postgres-statements.ts';
import { PostgresThreads } from './postgres-threads.ts';
import { PostgresTickets } from './postgres-tickets.ts';
import { PostgresUsage } from './postgres-usage.ts';
import { PostgresWakes } from './postgres-wakes.ts';
import {
  encodeInsert,
  encodeRemove,
  encodeUpdate,
  insertRuns,
  updateForeignRuns,
  updateRuns,
} from './run-statements.ts';
import {
  insertInThreads,
  lockThreadsOfRuns,
  removeRuns,
  updateForeignInThreads,
  updateInThreads,
} from './thread-run-statements.ts';
import { encodeInsertInThread, encodeUpdateInThread, type ThreadWrite, threadLock } from './thread-write-encoding.ts';
import { type EncodedWrite, makeWrites, type Writes } from './write-statement.ts';

const runIdRow = z.object({ run_id: z.string() });
const verdictRow = runIdRow.extend({
  verdict: z.enum(['inserted', 'key-used', 'thread-missing', 'thread-busy', 'thread-changed']),
});
const keyRow = z.object({ fingerprint: z.string(), run_id: z.string() });
const seqRow = z.looseObject({ seq: z.number() });
const keyRowOfRun = z
  .object({ run_id: z.string(), tenant: z.string() })
  .transform(({ run_id: runId, tenant }) => ({ runId, tenant }));
const ownerRow = z.object({ owner: z.string() });
const removedRow = z.object({ removed: z.number() });

type Verdict = z.infer<typeof verdictRow>['verdict'];

const keyAttempts = 5;
/** An attempt fails only where another writer has changed the thread's metadata, or its run's. */
const metadataAttempts = 100;

type EncodedTerms = InsertTerms & { readonly texts: LargeTexts | null };

/** Runs, events and threads in PostgreSQL, shared by any number of processes. Its clock is the server's. */
export class PostgresStore implements Store {
  readonly shared = true;
  readonly durations: PostgresDurations;
  readonly tickets: PostgresTickets;
  readonly operations: PostgresOperations;
  readonly wakes: PostgresWakes;
  readonly quotas: PostgresQuotas;
  readonly usage: PostgresUsage;
  readonly caps: PostgresCaps;
  readonly schedules: PostgresSchedules;
  readonly outbox: PostgresOutbox;
  readonly items: PostgresItems;
  readonly fence: PostgresFence;
  readonly #pool: StorePool;
  /** Lookups by key are planned once; the others each time, for the table as it is. */
  readonly #query: ReturnType<typeof bindStatements<typeof statements>>;
  readonly #connection: NotificationConnection;
  readonly #announcer: Announcer;
  /** Names this store in its notifications. */
  readonly #origin: string;
  readonly #inserts: Writes<EncodedWrite, boolean>;
  readonly #updates: Writes<EncodedWrite, boolean>;
  readonly #foreignUpdates: Writes<EncodedWrite, boolean>;
  readonly #removals: Writes<EncodedWrite, boolean>;
  readonly #insertsInThreads: Writes<ThreadWrite, Verdict>;
  readonly #updatesInThreads: Writes<ThreadWrite, boolean>;
  readonly #foreignUpdatesInThreads: Writes<ThreadWrite, boolean>;
  readonly threads: PostgresThreads;
  /** The replica whose last beat was not written; null when it was. */
  #unheard: string | null = null;
  #closing: Promise<void> | null = null;

  constructor(options: {
    readonly pool: StorePool;
    readonly connection: NotificationConnection;
    readonly origin: string;
  }) {
    this.#pool = options.pool;
    const prepared = ['find', 'findAll', 'events', 'findKey'] as const;
    this.#query = bindStatements(options.pool, statements, { prefix: 'run', prepared });
    this.#connection = options.connection;
    this.#announcer = new Announcer({ ...options, channel: changeChannel });
    this.#origin = options.origin;
    this.tickets = new PostgresTickets(options.pool);
    this.durations = new PostgresDurations(options.pool);
    this.operations = new PostgresOperations(options);
    this.wakes = new PostgresWakes(options);
    this.quotas = new PostgresQuotas(options.pool);
    this.caps = new PostgresCaps(options.pool);
    this.usage = new PostgresUsage(options.pool, options.origin);
    this.schedules = new PostgresSchedules(options.pool);
    this.outbox = new PostgresOutbox(options.pool);
    this.items = new PostgresItems(options.pool);
    this.fence = new PostgresFence(options.pool);
    const { pool, origin } = options;
    this.threads = new PostgresThreads({ pool, origin, announcer: this.#announcer });
    const decode = (row: unknown) => [runIdRow.parse(row).run_id, true] as const;
    const ofRun = { text: lockThreadsOfRuns, keyOf: (write: EncodedWrite) => write.id };
    const shared = { pool, origin, decode, absent: false };
    this.#inserts = makeWrites({ ...shared, statement: insertRuns });
    this.#updates = makeWrites({ ...shared, statement: updateRuns });
    this.#foreignUpdates = makeWrites({ ...shared, statement: updateForeignRuns });
    this.#removals = makeWrites({ ...shared, statement: removeRuns, lock: ofRun });
    this.#insertsInThreads = makeWrites<ThreadWrite, Verdict>({
      ...{ pool, origin, statement: insertInThreads, lock: threadLock, absent: 'key-used' },
      decode: (row) => {
        const { run_id: runId, verdict } = verdictRow.parse(row);
        return [runId, verdict];
      },
    });
    this.#updatesInThreads = makeWrites({ ...shared, statement: updateInThreads, lock: threadLock });
    const foreign = { ...shared, statement: updateForeignInThreads, lock: threadLock };
    this.#foreignUpdatesInThreads = makeWrites(foreign);
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
    this.#refuseLost();
    const writing = writeLarge(run, events, { isNew: true });
    const texts = writing === null ? null : await writing;
    const tryInsert = this.#prepareInsert(run, events, { ...terms, texts });
    for (let attempt = 0; attempt < keyAttempts; attempt++) {
      const verdict = await tryInsert();
      if (verdict === 'inserted') return { kind: 'inserted' };
      const earlier = terms.idempotency === undefined ? null : await this.#findEarlier(terms.idempotency);
      if (earlier !== null) return earlier;
      if (typeof verdict === 'object') return { kind: 'capped', reached: verdict };
      // A key can expire between the two statements: then it is free.
      if (verdict !== 'key-used') return { kind: verdict };
    }
    throw new StorageFault('the run was not inserted');
  }

  async update(update: RunUpdate): Promise<boolean> {
    this.#refuseLost();
    const writing = writeLarge(update.run, update.events, { isNew: false });
    if (writing === null) return await this.#update(update, null);
    return await arrivals.follow(writing.then((texts) => this.#update(update, texts)));
  }

  async #update(update: RunUpdate, texts: LargeTexts | null): Promise<boolean> {
    try {
      const isWritten = await this.#submitUpdate(update, texts);
      if (isWritten && update.expectedOwner !== undefined) this.#announce(update.run);
      return isWritten;
    } catch (error) {
      throw violates(error, 'upstreams_pkey') ? new UpstreamTaken() : error;
    }
  }

  /**
   * A run loop writes a run of its own process: nothing but watchers at other replicas wants to hear of it, and what they
   * watch is swept. Any other writer has to reach the loop, which looks at nothing by itself.
   */
  async #submitUpdate(update: RunUpdate, texts: LargeTexts | null): Promise<boolean> {
    const { run, thread: effect, expectedOwner } = update;
    const { threadId } = run;
    if (threadId === null || effect === undefined) {
      const updates = expectedOwner === undefined ? this.#foreignUpdates : this.#updates;
      return await this.caps.update(updates, encodeUpdate(update, texts), update.settlements);
    }
    const updates = expectedOwner === undefined ? this.#foreignUpdatesInThreads : this.#updatesInThreads;
    return await this.caps.update(
      updates,
      encodeUpdateInThread(update, { threadId, effect, texts }),
      update.settlements,
    );
  }

  #announce({ runId, threadId }: Run): void {
    this.#announcer.announceRun(runId);
    if (threadId !== null) this.#announcer.announceThread(threadId);
  }

  async remove(key: RunKey, expectedVersion: number): Promise<boolean> {
    this.#refuseLost();
    return await this.#removals.submit(encodeRemove(key, expectedVersion));
  }

  async find(key: RunKey): Promise<Run | null> {
    const values = [key.runId, key.tenant];
    const [row] = (await this.#query('find', values)).rows;
    if (!isWithheld(row)) return row === undefined ? null : await decodeLargeRun(row);
    return await readLarge(`run ${key.tenant} ${key.runId}`, () => this.#readRun('find', values));
  }

  async findAll(keys: readonly RunKey[]): Promise<readonly Run[]> {
    const ids = keys.map(({ runId }) => runId);
    const tenants = keys.map(({ tenant }) => tenant);
    const runs: Run[] = [];
    for (const row of (await this.#query('findAll', [ids, tenants])).rows) {
      const run = isWithheld(row) ? await this.find(keyRowOfRun.parse(row)) : await decodeLargeRun(row);
      if (run !== null) runs.push(run);
    }
    return runs;
  }

  async findByUpstream(upstreamKey: string): Promise<string | null> {
    const [row] = (await this.#query('findByUpstream', [upstreamKey])).rows;
    return row === undefined ? null : String((row as { readonly run_id: unknown }).run_id);
  }

  async findOfAnyTenant(runId: string): Promise<Run | null> {
    const [row] = (await this.#query('findOfAnyTenant', [runId])).rows;
    if (!isWithheld(row)) return row === undefined ? null : decodeRun(row);
    return await readLarge(`run ${runId}`, () => this.#readRun('findOfAnyTenant', [runId]));
  }

  search(query: RunQuery): Rows<RunSummary> {
    return translateRows(searchRuns(this.#pool, query));
  }

  async count(conditions: RunConditions): Promise<number> {
    return await withStorageFaults(countRuns(this.#pool, conditions));
  }

  async events(runId: string, afterSeq: number, limit: number): Promise<readonly RunEvent[]> {
    const values = [runId, afterSeq, limit];
    const [source, ...rows] = (await this.#query('events', values)).rows;
    if (!isWithheld(source)) return await decodeEvents(runId, { source, rows }, { afterSeq, limit });
    return await readLarge(`events ${values.join(' ')}`, async () => {
      const whole = await this.#readPieces('events', values, eventPayloads);
      const [first, ...others] = z
        .array(seqRow)
        .parse(whole)
        .sort((a, b) => a.seq - b.seq);
      return await decodeEvents(runId, { source: first, rows: others }, { afterSeq, limit });
    });
  }

  async beat(replica: string): Promise<void> {
    this.#unheard = replica;
    await this.fence.beat(replica);
    this.#unheard = null;
  }

  /** Null: there is none any more. */
  async #readRun(name: 'find' | 'findOfAnyTenant', values: readonly unknown[]): Promise<Run | null> {
    const [row] = await this.#readPieces(name, values, runPayloads);
    return row === undefined ? null : await decodeLargeRun(row);
  }

  async #readPieces(
    name: keyof typeof piecedStatements,
    values: readonly unknown[],
    payloads: readonly string[],
  ): Promise<readonly object[]> {
    return await withStorageFaults(readPieces(this.#pool, piecedStatements[name], { values, payloads }));
  }

  /** Throws where the fence shows that the database is not the one that was taken. */
  #refuseLost(): void {
    if (this.fence.fault !== null) throw this.fence.fault;
  }

  async claim({ replica, deadAfterMs, limit }: Claim): Promise<readonly Run[]> {
    await this.beat(replica);
    const { rows } = await this.#query('deadOwners', [replica, deadAfterMs]);
    const dead = rows.map((row) => ownerRow.parse(row).owner);
    // An owner that wakes up between the two statements loses its runs like one that wakes up later.
    return (await this.#query('claim', [replica, dead, limit, this.#origin])).rows.map(decodeRun);
  }

  async owned(replica: string, afterRunId: string | null, limit: number): Promise<readonly Run[]> {
    return (await this.#query('owned', [replica, afterRunId ?? '', limit])).rows.map(decodeRun);
  }

  async release(replica: string): Promise<void> {
    this.#unheard = null;
    await this.fence.stop(replica);
  }

  subscribe(listener: (change: StoreChange) => void): () => void {
    return this.#connection.onChange(listener);
  }

  async expire(finishedBeforeMs: number, nowMs: number, limit: number): Promise<number> {
    const [row] = (await this.#query('expire', [finishedBeforeMs, nowMs, limit, this.#origin])).rows;
    return removedRow.parse(row).removed;
  }

  async ping(): Promise<void> {
    await this.#query('ping', []);
    this.#refuseLost();
    // A server that was demoted or whose disk is full still answers every read.
    if (this.#unheard !== null) await this.beat(this.#unheard);
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      const runs = [this.#inserts, this.#updates, this.#foreignUpdates, this.#removals];
      const inThreads = [this.#insertsInThreads, this.#updatesInThreads, this.#foreignUpdatesInThreads];
      await Promise.all([...runs, ...inThreads, this.threads, this.caps].map((writes) => writes.close()));
      await Promise.all([this.#announcer.close(), this.wakes.close()]);
      this.#connection.close();
      await this.#pool.end();
    })();
    return this.#closing;
  }

  /** Encodes an insert for one or more tries. */
  #prepareInsert(
    run: Run,
    events: readonly RunEvent[],
    { idempotency, admission, caps, texts }: EncodedTerms,
  ): () => Promise<Exclude<Verdict, 'thread-changed'> | ReachedCap> {
    const { threadId } = run;
    if (admission === undefined || threadId === null) {
      const write = encodeInsert(run, events, { idempotency, texts });
      return async () => {
        const result = await this.caps.insert(this.#inserts, write, { caps, inserted: true });
        return typeof result === 'object' ? result : result ? 'inserted' : 'key-used';
      };
    }
    const { metadata } = admission;
    const write = encodeInsertInThread(run, events, { threadId, admission, idempotency, texts, noted: null });
    return async () => {
      for (let attempt = 0; attempt < metadataAttempts; attempt++) {
        const noted =
          metadata === undefined ? null : await this.threads.mergeMetadata({ tenant: run.tenant, threadId }, metadata);
        const own = { threadId, admission, idempotency, texts, noted };
        const noting = noted === null ? write : encodeInsertInThread(run, events, own);
        const verdict = await this.caps.insert(this.#insertsInThreads, noting, { caps, inserted: 'inserted' });
        if (verdict === 'inserted') this.#announcer.announceThread(threadId);
        if (verdict !== 'thread-changed') return verdict;
      }
      throw new StorageFault("the thread's metadata changes all the time");
    };
  }

  /** The result of an insert whose key was used before; null when the key is free. */
  async #findEarlier({ tenant, key, fingerprint }: Idempotency): Promise<Insertion | null> {
    const [row] = (await this.#query('findKey', [tenant, key])).rows;
    if (row === undefined) return null;
    const used = keyRow.parse(row);
    return used.fingerprint === fingerprint ? { kind: 'replayed', runId: used.run_id } : { kind: 'mismatch' };
  }
}
