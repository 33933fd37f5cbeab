import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { backup, DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { StorageFault } from '../../contract/store/store.ts';

const tables = ['runs', 'events', 'threads', 'items', 'deliveries'] as const;
const countRow = z.object({ count: z.number() });
const checkRow = z.object({ integrity_check: z.string() });

/** How many rows of each kind a backup has. */
export type BackupCounts = Readonly<Record<(typeof tables)[number] | 'live', number>>;

/** Pages of one step. All of them, because a step that comes after a write would begin again. */
const allPages = 2 ** 30;

/**
 * Copies a database while a gateway writes to it, checks the copy and marks it as one. The target appears when all of that
 * is done. Throws SQLite's errors, and `StorageFault` for a target that exists or a copy that is not what was read.
 *
 * @param source a connection that reads only
 */
export async function backUpDatabase(source: DatabaseSync, target: string): Promise<BackupCounts> {
  if (existsSync(target)) throw new StorageFault(`${target} exists already`);
  const partial = `${target}.partial`;
  rmSync(partial, { force: true });
  try {
    // One snapshot for the counts and for the copy.
    source.exec('BEGIN');
    const expected = countRows(source);
    await backup(source, partial, { rate: allPages });
    source.exec('COMMIT');
    checkCopy(partial, expected);
    syncFile(partial);
    renameSync(partial, target);
    return expected;
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  }
}

function checkCopy(file: string, expected: BackupCounts): void {
  const copy = new DatabaseSync(file);
  try {
    // One file without a log beside it, so that it can be moved and copied.
    copy.exec('PRAGMA journal_mode = DELETE');
    copy
      .prepare(
        `INSERT INTO fence (one, lineage, epoch, beat, beat_at_ms, stopped, place, copied_at_ms)
         VALUES (1, 'unknown', 'unknown', 0, 0, 0, '', ?1) ON CONFLICT (one) DO UPDATE SET copied_at_ms = ?1, decision = NULL`,
      )
      .run(Date.now());
    const problems = copy
      .prepare('PRAGMA integrity_check')
      .all()
      .map((row) => checkRow.parse(row).integrity_check);
    if (problems.join() !== 'ok') throw new StorageFault(`the backup is damaged: ${problems.join('; ')}`);
    const found = countRows(copy);
    if (JSON.stringify(found) !== JSON.stringify(expected)) {
      throw new StorageFault(`the backup has ${JSON.stringify(found)}, the database ${JSON.stringify(expected)}`);
    }
  } finally {
    copy.close();
  }
}

function countRows(database: DatabaseSync): BackupCounts {
  const count = (from: string): number =>
    countRow.parse(database.prepare(`SELECT count(*) AS count FROM ${from}`).get()).count;
  const [runs, events, threads, items, deliveries] = tables.map(count);
  return { runs, events, threads, items, deliveries, live: count('runs WHERE ended_at_ms IS NULL') } as BackupCounts;
}

function syncFile(file: string): void {
  const descriptor = openSync(file, 'r+');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
