import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { openStore } from '../../src/store/open.ts';
import { taskFor } from '../../src/store/sqlite/checkpoints.ts';
import { openDatabase } from '../../src/store/sqlite/database.ts';
import { makeRun, silentLog } from './runs.ts';

const directory = mkdtempSync(join(tmpdir(), 'rungate-checkpoints-'));
afterAll(() => rmSync(directory, { recursive: true }));

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
