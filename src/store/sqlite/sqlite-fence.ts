import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import type { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { type RunPhase, runPhases } from '../../contract/domain/run.ts';
import {
  type Fence,
  type FenceFinding,
  heldOwner,
  type LiveRunList,
  type RestoreDecision,
  restoreDecisions,
} from '../../contract/store/fence.ts';
import { StorageFault } from '../../contract/store/store.ts';
import { prepareAll } from './database.ts';
import { FenceFile, type FenceRecord, readFenceFile } from './fence-file.ts';
import { type FileLock, identifyFile } from './file-lock.ts';
import { withStorageFaults } from './sqlite-faults.ts';
import type { WriteQueue } from './write-queue.ts';

const rowSchema = z.object({
  lineage: z.string(),
  epoch: z.string(),
  beat: z.number(),
  beat_at_ms: z.number(),
  stopped: z.number(),
  place: z.string(),
  copied_at_ms: z.number().nullable(),
  decision: z.enum(restoreDecisions).nullable(),
});

export type FenceRow = z.infer<typeof rowSchema>;

const versionRow = z.object({ version: z.number() });
const countRow = z.object({ phase: z.enum(runPhases), count: z.number() });
const liveRow = z.object({ run_id: z.string(), agent_name: z.string(), phase: z.enum(runPhases) });

const texts = {
  read: 'SELECT lineage, epoch, beat, beat_at_ms, stopped, place, copied_at_ms, decision FROM fence',
  take: `INSERT INTO fence (one, lineage, epoch, beat, beat_at_ms, stopped, place) VALUES (1, ?, ?, ?, ?, 0, ?)
    ON CONFLICT (one) DO UPDATE SET lineage = excluded.lineage, epoch = excluded.epoch, beat = excluded.beat,
      beat_at_ms = excluded.beat_at_ms, stopped = 0, place = excluded.place, copied_at_ms = NULL`,
  renew: 'UPDATE fence SET beat = beat + 1, beat_at_ms = ?, stopped = ? WHERE epoch = ?',
  // A database without a row becomes one that was never taken, which is a copy beside any fence.
  decide: `INSERT INTO fence (one, lineage, epoch, beat, beat_at_ms, stopped, place, decision)
    VALUES (1, 'unknown', 'unknown', 0, 0, 0, '', ?1) ON CONFLICT (one) DO UPDATE SET decision = excluded.decision`,
  forgetDecision: 'UPDATE fence SET decision = NULL',
  hold: 'UPDATE runs SET owner = ?, version = version + 1 WHERE ended_at_ms IS NULL AND phase = ?',
  free: 'UPDATE runs SET owner = NULL, version = version + 1 WHERE ended_at_ms IS NULL AND owner = ?',
  version: 'SELECT version FROM runs WHERE run_id = ?',
  hasRuns: 'SELECT 1 FROM runs LIMIT 1',
  count: `SELECT phase, count(*) AS count FROM runs WHERE ended_at_ms IS NULL AND (?1 IS NULL OR owner = ?1)
    GROUP BY phase`,
  oldest: `SELECT run_id, agent_name, phase FROM runs WHERE ended_at_ms IS NULL AND (?1 IS NULL OR owner = ?1)
    ORDER BY run_id LIMIT ?2`,
} as const;

/** The original may have fired since. A guest may find an earlier schema, which lacks the table. */
const skipSchedules = 'UPDATE schedules SET decided_ms = max(decided_ms, ?), waiting_ms = NULL';

type State = {
  readonly epoch: string;
  readonly lineage: string;
  readonly file: FenceFile;
  readonly log: string | null;
};

/**
 * The fence of a SQLite file: a row in it, and a small file beside it that is written after each commit without a sync.
 * A guest, which does not own the file, has no lock and may only read and decide.
 */
export class SqliteFence implements Fence {
  readonly #statements: ReturnType<typeof prepareAll<typeof texts>>;
  readonly #database: DatabaseSync;
  readonly #writes: WriteQueue;
  /** The path without links, and as it was given. */
  readonly #path: string;
  readonly #given: string;
  readonly #lock: FileLock | null;
  #fault: StorageFault | null = null;
  /** Another process took the file, which nothing can undo. */
  #isLost = false;
  /** Null before `take` and after `stop`. */
  #state: State | null = null;
  #beat = 0;
  #run: FenceRecord['run'] = null;
  #commits = 0;
  #notedCommit = 0;
  readonly #identity: ReturnType<typeof identifyFile>;

  constructor(options: {
    readonly database: DatabaseSync;
    readonly writes: WriteQueue;
    readonly path: string;
    readonly given: string;
    readonly lock: FileLock | null;
  }) {
    this.#statements = prepareAll(options.database, texts);
    this.#database = options.database;
    this.#writes = options.writes;
    this.#path = options.path;
    this.#given = options.given;
    this.#lock = options.lock;
    this.#identity = identifyFile(options.path);
  }

  get fault(): StorageFault | null {
    return this.#fault;
  }

  async examine(): Promise<FenceFinding> {
    return await withStorageFaults(() => this.#examine());
  }

  #examine(): FenceFinding {
    const row = this.#read();
    const outside = readFenceFile(fencePath(this.#path));
    if (row === null) {
      if (outside === null || (outside !== 'unreadable' && outside.taking === '')) return { kind: 'new', note: null };
      if (this.#statements.hasRuns.get() === undefined) {
        return { kind: 'new', note: 'the database is new, though a fence of an earlier one stands beside it' };
      }
      return { kind: 'copy', reason: 'it is older than the fence beside it', beatAtMs: null };
    }
    const original = row.stopped === 1 ? this.#originalOf(row) : null;
    const reason =
      row.copied_at_ms !== null
        ? `it was made by rungate backup at ${new Date(row.copied_at_ms).toISOString()}`
        : row.stopped === 1
          ? compareStopped(row, outside, original)
          : this.#compareUnstopped(row, outside);
    if (reason !== null) return { kind: 'copy', reason, beatAtMs: row.beat_at_ms === 0 ? null : row.beat_at_ms };
    if (row.stopped === 0) return { kind: 'intact', unheardMs: Date.now() - row.beat_at_ms };
    const isHere = outside !== null && outside !== 'unreadable' && outside.inode === this.#identity?.inode;
    return isHere ? { kind: 'intact', unheardMs: null } : { kind: 'moved' };
  }

  /** Why a file that was not stopped cleanly is a copy; null when it is where it was and as new as its fence. */
  #compareUnstopped(row: FenceRow, outside: FenceRecord | 'unreadable' | null): string | null {
    if (outside === null) return 'no fence stands beside it, and it was not stopped cleanly';
    if (outside === 'unreadable') return 'the fence beside it cannot be read';
    if (outside.inode !== this.#identity?.inode) return 'the file is another one than the fence was written for';
    // A process died between the two writes of taking the file.
    if (outside.taking === row.epoch) return null;
    if (outside.lineage !== row.lineage) return 'the fence beside it is of another database';
    if (outside.epoch !== row.epoch) return 'another process has taken it since';
    if (row.beat < outside.beat) return `its last heartbeat is older than that of the fence, ${outside.at}`;
    if (outside.run === null) return null;
    const found = this.#statements.version.get(outside.run.id);
    const isOlder = found === undefined || versionRow.parse(found).version < outside.run.version;
    return isOlder ? `it lacks what was written until ${outside.at}` : null;
  }

  /** The fence at the place where the file was stopped, when that is another one on this machine. */
  #originalOf({ place, lineage }: FenceRow): FenceRecord | null {
    if (place === this.#path) return null;
    const found = readFenceFile(fencePath(place));
    return found !== null && found !== 'unreadable' && found.lineage === lineage ? found : null;
  }

  async take(found: FenceFinding, hold: readonly RunPhase[]): Promise<void> {
    await withStorageFaults(async () => {
      const row = this.#read();
      const [epoch, lineage] = [randomUUID(), row?.lineage ?? randomUUID()];
      const original = row?.stopped === 1 ? this.#originalOf(row) : null;
      const file = new FenceFile(fencePath(this.#path));
      this.#run = null;
      this.#beat = (row?.beat ?? 0) + 1;
      const record = this.#record({ epoch, lineage }, false);
      // A copy stays one until it is taken. Anything else is taken again by the next process if this one dies here.
      if (found.kind !== 'copy') file.write({ ...record, taking: row?.epoch ?? '' });
      file.syncWithFolder();
      await this.#writes.submit(() => {
        for (const phase of hold) this.#statements.hold.run(heldOwner, phase);
        if (hold.length > 0) this.#database.prepare(skipSchedules).run(Date.now());
        this.#statements.take.run(lineage, epoch, this.#beat, Date.now(), this.#path);
      });
      file.write(record);
      file.syncWithFolder();
      const log = await inodeOf(`${this.#path}-wal`);
      this.#state = { epoch, lineage, file, log };
      if (original !== null && row !== null) leave(row.place, record);
    });
  }

  /** The same as `Store.beat` promises: checks that the file is still ours, then renews the row and the file. */
  async renew(): Promise<void> {
    if (this.#state === null) return;
    await this.inspect();
    await this.#advance(this.#state, false);
  }

  /** Marks a clean stop: the file may be moved. Nothing may be written to runs after it. */
  async stop(): Promise<void> {
    const state = this.#state;
    if (state === null || this.#fault !== null) return;
    this.#state = null;
    await this.#advance(state, true);
    state.file.close();
  }

  async #advance(state: State, stopped: boolean): Promise<void> {
    const isOurs = await this.#writes.submit(
      () => this.#statements.renew.run(Date.now(), Number(stopped), state.epoch).changes === 1,
    );
    if (!isOurs) {
      this.#isLost = true;
      throw this.#lose('was taken by another process');
    }
    this.#beat += 1;
    await withStorageFaults(async () => {
      state.file.write(this.#record(state, stopped));
      await state.file.sync();
    });
  }

  /** Rejects when the path leads to another file than the one that is open, or to none. */
  async inspect(): Promise<void> {
    if (this.#state === null) return;
    const found = await stat(this.#given, { bigint: true }).catch(() => null);
    if (found === null) throw this.#lose('was removed');
    const { device, inode } = this.#identity ?? { device: '', inode: '' };
    if (String(found.ino) !== inode || String(found.dev) !== device) throw this.#lose('was replaced');
    if ((await inodeOf(`${this.#path}-wal`)) !== this.#state.log) throw this.#lose('lost its write-ahead log');
    try {
      this.#lock?.renew();
    } catch {
      throw this.#lose('was locked by another process');
    }
    if (!this.#isLost) this.#fault = null;
    else throw this.#lose('was taken by another process');
  }

  #lose(what: string): StorageFault {
    this.#fault = new StorageFault(`${this.#given} ${what} while this process had it open; nothing more is written`);
    return this.#fault;
  }

  /** A transaction was committed. */
  commit(): void {
    this.#commits += 1;
  }

  /** A run was written by the last transaction. One run of each is enough: a copy has all of them or none. */
  note(id: string, version: number): void {
    if (this.#state === null || this.#notedCommit === this.#commits) return;
    this.#run = { id, version };
    this.#writeNote(this.#state);
  }

  /** Runs were removed, perhaps the one that was noted last. */
  forget(): void {
    if (this.#state === null) return;
    this.#run = null;
    this.#writeNote(this.#state);
  }

  #writeNote(state: State): void {
    this.#notedCommit = this.#commits;
    state.file.write(this.#record(state, false));
  }

  async decide(decision: RestoreDecision): Promise<void> {
    await this.#writes.submit(() => this.#statements.decide.run(decision));
  }

  async decision(): Promise<RestoreDecision | null> {
    return await withStorageFaults(() => this.#read()?.decision ?? null);
  }

  async free(): Promise<void> {
    await this.#writes.submit(() => {
      this.#statements.free.run(heldOwner);
      this.#statements.forgetDecision.run();
    });
  }

  async live(max: number, held: boolean): Promise<LiveRunList> {
    return await withStorageFaults(() => {
      const owner = held ? heldOwner : null;
      const counts = this.#statements.count.all(owner).map((row) => countRow.parse(row));
      const oldest = this.#statements.oldest.all(owner, max).map((row) => liveRow.parse(row));
      return {
        counts: Object.fromEntries(counts.map(({ phase, count }) => [phase, count])),
        oldest: oldest.map(({ run_id: runId, agent_name: agentName, phase }) => ({ runId, agentName, phase })),
      };
    });
  }

  #read(): FenceRow | null {
    const row = this.#statements.read.get();
    return row === undefined ? null : rowSchema.parse(row);
  }

  #record({ epoch, lineage }: Pick<State, 'epoch' | 'lineage'>, stopped: boolean): FenceRecord {
    const at = new Date().toISOString();
    const inode = this.#identity?.inode ?? '';
    return { lineage, epoch, beat: this.#beat, at, inode, stopped, taking: null, run: this.#run };
  }
}

/**
 * Why a file that was stopped cleanly is a copy; null when it may have been moved. Heartbeats grow over all processes, so
 * a fence with a later one belongs to a file that went on.
 */
function compareStopped(
  row: FenceRow,
  outside: FenceRecord | 'unreadable' | null,
  original: FenceRecord | null,
): string | null {
  if (original !== null && original.beat > row.beat) return `the original at ${row.place} was started since`;
  if (outside === null || outside === 'unreadable' || outside.lineage !== row.lineage) return null;
  return outside.beat > row.beat && outside.taking !== row.epoch
    ? `it was started since, until ${outside.at} at least`
    : null;
}

/** The file was moved here. What was left behind may be the same file, which is an old copy from now on. */
function leave(place: string, record: FenceRecord): void {
  try {
    const file = new FenceFile(fencePath(place));
    file.write(record);
    file.close();
  } catch {
    // The old place may be read-only by now.
  }
}

function fencePath(path: string): string {
  return `${path}.fence`;
}

async function inodeOf(path: string): Promise<string | null> {
  const found = await stat(path, { bigint: true }).catch(() => null);
  return found === null ? null : String(found.ino);
}
