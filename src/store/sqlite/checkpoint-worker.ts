// The entry of a worker thread: copies the write-ahead log into the database file, away from the event loop. What it imports is
// in memory twice, so it has no schemas: it talks to `Checkpoints` and to SQLite alone.
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';
import type { CheckpointTask, CheckpointWorkerData } from './checkpoints.ts';

/** Bytes of the log that are worth a checkpoint by themselves: pages that many runs share are copied once for all of them. */
const worthBytes = 4_194_304;
/** Above this size of the log writes are held up for a moment so that it begins anew. */
const maxBytes = 67_108_864;

const { file } = workerData as CheckpointWorkerData;
// A file that was removed must not be made again.
const place = pathToFileURL(file);
place.searchParams.set('mode', 'rw');
const database = new DatabaseSync(place, { timeout: 100 });
const pageBytes = Number(database.prepare('PRAGMA page_size').get()?.page_size);

/** Sizes in pages. Before SQLite 3.51, NOOP is not known and copies like PASSIVE, which is only more than is needed. */
function checkpoint(mode: 'NOOP' | 'PASSIVE' | 'RESTART' | 'TRUNCATE') {
  const row = database.prepare(`PRAGMA wal_checkpoint(${mode})`).get();
  return { log: Number(row?.log), checkpointed: Number(row?.checkpointed) };
}

/** Gives whether anything was copied. */
function work(wanted: Exclude<CheckpointTask, 'close'>): boolean {
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

parentPort?.on('message', (wanted: CheckpointTask) => {
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
