// The entry of a worker thread: copies the write-ahead log into the database file, away from the event loop.
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';
import { z } from 'zod';

/** Bytes of the log that are worth a checkpoint by themselves: pages that many runs share are copied once for all of them. */
const worthBytes = 4_194_304;
/** Above this size of the log writes are held up for a moment so that it begins anew. */
const maxBytes = 67_108_864;

const { file } = z.object({ file: z.string() }).parse(workerData);
const task = z.enum(['copy if large', 'copy', 'copy and cut', 'close']);
const counts = z.object({ busy: z.number(), log: z.number(), checkpointed: z.number() });
// A file that was removed must not be made again.
const place = pathToFileURL(file);
place.searchParams.set('mode', 'rw');
const database = new DatabaseSync(place, { timeout: 100 });
const { page_size: pageBytes } = z.object({ page_size: z.number() }).parse(database.prepare('PRAGMA page_size').get());

/** Sizes in pages. Before SQLite 3.51, NOOP is not known and copies like PASSIVE, which is only more than is needed. */
function checkpoint(mode: 'NOOP' | 'PASSIVE' | 'RESTART' | 'TRUNCATE'): z.infer<typeof counts> {
  return counts.parse(database.prepare(`PRAGMA wal_checkpoint(${mode})`).get());
}

/** Gives whether anything was copied. */
function work(wanted: Exclude<z.infer<typeof task>, 'close'>): boolean {
  if (wanted === 'copy if large') {
    const { log, checkpointed } = checkpoint('NOOP');
    if ((log - checkpointed) * pageBytes < worthBytes) return false;
  }
  const { log } = checkpoint('PASSIVE');
  // Under steady writes a passive checkpoint never catches up with the end of the log.
  if (log * pageBytes > maxBytes) checkpoint('RESTART');
  // What is left to copy is little, so that a write waits for a moment only.
  else if (wanted === 'copy and cut' && log * pageBytes > worthBytes) checkpoint('TRUNCATE');
  return true;
}

parentPort?.on('message', (message: unknown) => {
  const wanted = task.parse(message);
  if (wanted === 'close') {
    database.close();
    parentPort?.close();
    return;
  }
  try {
    parentPort?.postMessage({ kind: 'done', isCopied: work(wanted) });
  } catch (error) {
    parentPort?.postMessage({ kind: 'failed', reason: error instanceof Error ? error.message : 'unknown error' });
  }
});
