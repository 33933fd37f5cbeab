import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { openStore } from '../../src/store/open.ts';
import { Checkpoints, isWorthThread, taskFor } from '../../src/store/sqlite/checkpoints.ts';
import { openDatabase } from '../../src/store/sqlite/database.ts';
import { makeRun, silentLog } from './runs.ts';

const directory = mkdtempSync(join(tmpdir(), 'rungate-checkpoints-'));
afterAll(() => rmSync(directory, { recursive: true }));

/** Lets other threads and their messages have a turn. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** The worker of a database that it shares with the test. */
async function startWorker(name: string) {
  const file = join(directory, `${name}.db`);
  const database = openDatabase(file, 'full');
  database.exec('PRAGMA wal_autocheckpoint = 0; CREATE TABLE filler (bytes BLOB)');
  const worker = new Worker(new URL('../../src/store/sqlite/checkpoint-worker.ts', import.meta.url), {
    workerData: { file },
  });
  return {
    file,
    fill: (bytes: number) => database.prepare('INSERT INTO filler VALUES (zeroblob(?))').run(bytes),
    async ask(task: string): Promise<unknown> {
      const answered = once(worker, 'message');
      worker.postMessage(task);
      return (await answered)[0];
    },
    async close() {
      worker.postMessage('close');
      await once(worker, 'exit');
      database.close();
    },
  };
}

describe('checkpoints of a SQLite store', { timeout: 60_000 }, () => {
  test('a small log is left alone until it is old', async () => {
    expect(taskFor({ commits: 5000, sinceMs: 0 }, 9999)).toBe('copy if large');
    expect(taskFor({ commits: 5000, sinceMs: 0 }, 10_000)).toBe('copy');
    const { file, fill, ask, close } = await startWorker('small');
    fill(1_000_000);
    const before = statSync(file).size;
    expect(await ask('copy if large')).toEqual({ kind: 'done', isCopied: false });
    expect(statSync(file).size).toBe(before);
    expect(await ask('copy')).toEqual({ kind: 'done', isCopied: true });
    expect(statSync(file).size).toBeGreaterThan(before + 1_000_000);
    await close();
  });

  test('a large log is copied at once, but what was copied before does not count', async () => {
    const { file, fill, ask, close } = await startWorker('large');
    fill(5_000_000);
    expect(await ask('copy if large')).toEqual({ kind: 'done', isCopied: true });
    expect(statSync(file).size).toBeGreaterThan(5_000_000);
    expect(await ask('copy if large')).toEqual({ kind: 'done', isCopied: false });
    await close();
  });

  test('the log of an idle gateway is cut, unless it is small', async () => {
    expect(taskFor({ commits: 10, sinceMs: 0 }, 10_000)).toBe('copy and cut');
    const { file, fill, ask, close } = await startWorker('idle');
    fill(1_000_000);
    await ask('copy and cut');
    expect(statSync(`${file}-wal`).size).toBeGreaterThan(1_000_000);
    fill(5_000_000);
    await ask('copy and cut');
    expect(statSync(`${file}-wal`).size).toBe(0);
    await close();
  });

  test('a thread is started for many commits, a log that has grown large, and what is old', () => {
    const small = () => 4_000_000;
    expect(isWorthThread({ commits: 99, sinceMs: 0 }, 599_999, small)).toBe(false);
    expect(isWorthThread({ commits: 100, sinceMs: 0 }, 0, small)).toBe(true);
    expect(isWorthThread({ commits: 1, sinceMs: 0 }, 600_000, small)).toBe(true);
    expect(isWorthThread({ commits: 1, sinceMs: 0 }, 0, () => 4_194_304)).toBe(true);
  });

  test('a store that writes little has no thread for its checkpoints, and one that writes much has one until it is idle', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval', 'clearTimeout', 'performance'] });
    try {
      const file = join(directory, 'threads.db');
      const database = openDatabase(file, 'full');
      database.exec('PRAGMA wal_autocheckpoint = 0; CREATE TABLE filler (bytes BLOB)');
      let [threads, answers, ends] = [0, 0, 0];
      const listen = (worker: Worker): void => {
        threads += 1;
        worker.on('message', () => {
          answers += 1;
        });
        worker.once('exit', () => {
          ends += 1;
        });
      };
      process.on('worker', listen);
      const checkpoints = new Checkpoints({ file, log: silentLog, onLost: () => expect.unreachable() });
      vi.advanceTimersByTime(3000);
      checkpoints.note();
      vi.advanceTimersByTime(500_000);
      await turn();
      expect(threads).toBe(0);
      database.prepare('INSERT INTO filler VALUES (zeroblob(?))').run(5_000_000);
      vi.advanceTimersByTime(100);
      while (answers < 1) await turn();
      expect(statSync(file).size).toBeGreaterThan(5_000_000);
      vi.advanceTimersByTime(60_000);
      checkpoints.note();
      // It is asked again and again whether the log is large, and at last to cut it.
      let looks = 0;
      for (; ends === 0; looks += 1) {
        const before = answers;
        vi.advanceTimersByTime(100);
        while (answers === before && ends === 0) await turn();
      }
      expect(looks).toBeGreaterThanOrEqual(100);
      checkpoints.note();
      vi.advanceTimersByTime(500_000);
      await turn();
      expect(threads).toBe(1);
      process.off('worker', listen);
      await checkpoints.close();
      database.close();
    } finally {
      vi.useRealTimers();
    }
  });

  test('checkpoints move writes into the database file while the store is open', async () => {
    const file = join(directory, 'open.db');
    const store = await openStore(`sqlite:${file}`, { log: silentLog });
    const before = statSync(file).size;
    const bytes = 5_000_000;
    await store.insert(makeRun({ request: { input: 'x'.repeat(bytes) } }), []);
    await vi.waitFor(() => expect(statSync(file).size).toBeGreaterThan(before + bytes), { timeout: 20_000 });
    const large = statSync(file).size;
    // A small write is copied as well, a little later.
    await store.insert(makeRun({ request: { input: 'x'.repeat(500_000) } }), []);
    await vi.waitFor(() => expect(statSync(file).size).toBeGreaterThan(large + 400_000), { timeout: 20_000 });
    await store.close();
  });
});
