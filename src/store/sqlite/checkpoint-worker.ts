// The entry of a worker thread: copies the write-ahead log into the database file, away from the event loop.
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';
import { z } from 'zod';

/** Above this size of the log (64 MiB) writes are held up for a moment so that the log restarts. */
const restartPages = 16_384;

const { file } = z.object({ file: z.string() }).parse(workerData);
const counts = z.object({ busy: z.number(), log: z.number(), checkpointed: z.number() });
// A file that was removed must not be made again.
const place = pathToFileURL(file);
place.searchParams.set('mode', 'rw');
const database = new DatabaseSync(place, { timeout: 100 });

parentPort?.on('message', (message: unknown) => {
  if (message === 'close') {
    database.close();
    parentPort?.close();
    return;
  }
  try {
    const { log } = counts.parse(database.prepare('PRAGMA wal_checkpoint(PASSIVE)').get());
    // Under steady writes a passive checkpoint never catches up with the end of the log.
    if (log > restartPages) database.prepare('PRAGMA wal_checkpoint(RESTART)').get();
    parentPort?.postMessage({ kind: 'done' });
  } catch (error) {
    parentPort?.postMessage({ kind: 'failed', reason: error instanceof Error ? error.message : 'unknown error' });
  }
});
