import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { z } from 'zod';
import { nextTurn, Pacer } from '../../compute/turns.ts';
import type { Stop, StopName } from '../../contract/domain/operator.ts';
import type {
  OperationsStore,
  ReplicaReport,
  ReplicaRow,
  RunCount,
  RunFilter,
  RunHead,
  RunListing,
  RunListWalk,
  RunWalk,
} from '../../contract/store/operations-store.ts';
import { decodeHead, GroupSums, groupRows, stopRows } from '../operation-rows.ts';
import { MergedRanges } from './merged-ranges.ts';
import { selectGroups, selectHead, selectMatches, type WalkIndex } from './run-walk.ts';
import { withStorageFaults } from './sqlite-faults.ts';
import type { Statements } from './sqlite-statements.ts';
import type { WriteQueue } from './write-queue.ts';

const matchRow = z.object({ examined: z.number(), last: z.string().nullable(), ids: z.string() });
const countRow = z.object({ examined: z.number(), last: z.string().nullable(), found: z.string() });
const idList = z.array(z.string());
const ownerRow = z.object({ owner: z.string() });
const ownedRow = z.object({ runs: z.number() });

const firstSlice = 100;
const maxSlice = 2000;
/** How long a slice should take. */
const sliceMs = 2;

type Known = { report: ReplicaReport | null; beatAtMs: number; shouldDrain: boolean };

/** What operators read and write of a SQLite file. What replicas report is kept in memory: there is only one. */
export class SqliteOperations implements OperationsStore {
  readonly #database: DatabaseSync;
  readonly #statements: Pick<Statements, 'nextOwner'>;
  readonly #writes: WriteQueue;
  readonly #head: StatementSync;
  readonly #owned: StatementSync;
  readonly #stops: StatementSync;
  readonly #putStop: StatementSync;
  readonly #liftStop: StatementSync;
  readonly #replicas = new Map<string, Known>();

  constructor(database: DatabaseSync, statements: Pick<Statements, 'nextOwner'>, writes: WriteQueue) {
    this.#database = database;
    this.#statements = statements;
    this.#writes = writes;
    this.#head = database.prepare(selectHead);
    this.#owned = database.prepare('SELECT count(*) AS runs FROM runs WHERE ended_at_ms IS NULL AND owner = ?');
    this.#stops = database.prepare('SELECT kind, name, reason, by, at_ms FROM stops ORDER BY at_ms, kind, name');
    this.#putStop = database.prepare(
      'INSERT OR REPLACE INTO stops (kind, name, reason, by, at_ms) VALUES (?, ?, ?, ?, ?)',
    );
    this.#liftStop = database.prepare('DELETE FROM stops WHERE kind = ? AND name = ?');
  }

  async walkRuns(walk: RunListWalk): Promise<RunListing> {
    return await withStorageFaults(() => this.#walk(walk));
  }

  async countRuns(walk: RunWalk & { readonly spreadAgentIds: readonly string[] }): Promise<RunCount> {
    return await withStorageFaults(() => this.#count(walk));
  }

  async stops(): Promise<readonly Stop[]> {
    return await withStorageFaults(() => stopRows.parse(this.#stops.all()));
  }

  async putStop({ kind, name, reason, by, atMs }: Stop): Promise<void> {
    await this.#writes.submit(() => this.#putStop.run(kind, name, reason, by, atMs));
  }

  async liftStop({ kind, name }: StopName): Promise<boolean> {
    return await this.#writes.submit(() => this.#liftStop.run(kind, name).changes > 0);
  }

  async report(replica: string, report: ReplicaReport): Promise<void> {
    const shouldDrain = this.#replicas.get(replica)?.shouldDrain ?? false;
    this.#replicas.set(replica, { report, beatAtMs: Date.now(), shouldDrain });
  }

  async replicas(): Promise<readonly ReplicaRow[]> {
    return await withStorageFaults(() =>
      [...this.#replicas].map(([replica, known]) => ({
        ...{ replica, ...known },
        runs: ownedRow.parse(this.#owned.get(replica)).runs,
      })),
    );
  }

  async setDrain(replica: string, shouldDrain: boolean): Promise<boolean> {
    const known = this.#replicas.get(replica);
    if (known === undefined) return false;
    known.shouldDrain = shouldDrain;
    return true;
  }

  /** No other process has the file. */
  onChange(): () => void {
    return () => {};
  }

  async #walk({ filter, before, maxExamined, limit }: RunListWalk): Promise<RunListing> {
    const statement = selectMatches(filter);
    const prepared = this.#database.prepare(statement.text);
    const start = before === null || before > statement.newest ? statement.newest : before;
    const ranges = new MergedRanges(
      this.#rangesOf(filter, statement.index),
      (range, from, size) => {
        const { ids, ...chunk } = matchRow.parse(
          prepared.get(range, from, statement.oldest, size, ...statement.values),
        );
        return { ...chunk, ids: idList.parse(JSON.parse(ids)) };
      },
      start,
    );
    const runs: RunHead[] = [];
    const pacer = new Pacer();
    let size = firstSlice;
    for (;;) {
      const startedMs = performance.now();
      const ids = await ranges.next(Math.min(size, maxExamined - ranges.examined));
      const tookMs = performance.now() - startedMs;
      for (const id of ids) {
        const row = this.#head.get(id);
        // Removed in the meantime.
        if (row === undefined) continue;
        runs.push(decodeHead(row));
        if (runs.length === limit) return { runs, examined: ranges.examined, next: id };
        await pacer.pause();
      }
      if (ranges.isEnd) return { runs, examined: ranges.examined, next: null };
      if (ranges.examined >= maxExamined) return { runs, examined: ranges.examined, next: ranges.position };
      size = nextSize(size, tookMs);
      await nextTurn();
      pacer.restart();
    }
  }

  /** The order does not matter, so one range is read after the other. */
  async #count({ filter, maxExamined, spreadAgentIds }: RunWalk & { readonly spreadAgentIds: readonly string[] }) {
    const statement = selectGroups(filter, spreadAgentIds);
    const prepared = this.#database.prepare(statement.text);
    const sums = new GroupSums();
    let left = maxExamined;
    let size = firstSlice;
    for (const range of this.#rangesOf(filter, statement.index)) {
      for (let from: string | null = statement.newest; from !== null; ) {
        if (left <= 0) return { groups: sums.all, isComplete: false };
        const asked = Math.min(size, left);
        const startedMs = performance.now();
        const chunk = countRow.parse(prepared.get(range, from, statement.oldest, asked, ...statement.values));
        sums.add(groupRows.parse(JSON.parse(chunk.found)));
        left -= chunk.examined;
        from = chunk.examined < asked ? null : chunk.last;
        size = nextSize(size, performance.now() - startedMs);
        await nextTurn();
      }
    }
    return { groups: sums.all, isComplete: true };
  }

  #rangesOf({ agentIds, owner }: RunFilter, index: WalkIndex): readonly (string | null)[] {
    if (index === 'agent') return [...new Set(agentIds)];
    if (index === 'all') return [null];
    return owner === undefined ? [null, ...this.#owners()] : [owner];
  }

  *#owners(): Generator<string> {
    for (let owner = ''; ; yield owner) {
      const row = this.#statements.nextOwner.get(owner);
      if (row === undefined) return;
      owner = ownerRow.parse(row).owner;
    }
  }
}

function nextSize(size: number, tookMs: number): number {
  return Math.max(1, Math.min(maxSlice, Math.floor(size * Math.min(4, sliceMs / Math.max(tookMs, 0.01)))));
}
