import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, test } from 'vitest';
import { StorageFault } from '../../src/contract/store/store.ts';
import type { Bench } from './contract.ts';
import { makeEvent, makeRun } from './runs.ts';

/** Runs a writing process on the database, kills it in the middle, and gives the ids that it said were written. */
async function killWriter(
  { url, notifyUrl }: Pick<Bench, 'url' | 'notifyUrl'>,
  afterIds: number,
): Promise<readonly string[]> {
  const writer = spawn(process.execPath, [join(import.meta.dirname, 'writer.ts'), url, notifyUrl ?? ''], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(writer, 'exit');
  const ids: string[] = [];
  for await (const id of createInterface({ input: writer.stdout })) {
    ids.push(id);
    if (ids.length === afterIds) writer.kill('SIGKILL');
  }
  await exited;
  // The kill can cut the last line short.
  return ids.filter((id) => id.length === 36);
}

export function describeDurability(bench: () => Bench): void {
  describe('durability', () => {
    test('a store that was closed and opened again still has everything', async () => {
      const { store, reopen } = bench();
      const run = makeRun({ owner: 'a' });
      await store.insert(run, [makeEvent(run)]);
      const again = await reopen();
      expect(await again.find(run)).toEqual(run);
      expect(await again.events(run.runId, 0, 10)).toEqual([makeEvent(run)]);
    });

    test('closing a store commits the writes that were submitted before', async () => {
      const { store, reopen } = bench();
      const runs = Array.from({ length: 50 }, () => makeRun());
      const written = Promise.all(runs.map((run) => store.insert(run, [])));
      const again = await reopen();
      await written;
      for (const run of runs) expect(await again.find(run)).toEqual(run);
    });

    test('every method of a closed store rejects with StorageFault', async () => {
      const { store } = bench();
      await store.close();
      await expect(store.insert(makeRun(), [])).rejects.toThrow(StorageFault);
      await expect(store.find(makeRun())).rejects.toThrow(StorageFault);
      await expect(store.ping()).rejects.toThrow(StorageFault);
    });

    test('a process killed while it writes loses nothing that was acknowledged', async () => {
      const { store, reopen } = bench();
      await store.close();
      const acknowledged = await killWriter(bench(), 500);
      expect(acknowledged.length).toBeGreaterThanOrEqual(500);
      const again = await reopen();
      for (const runId of acknowledged) {
        expect(await again.find({ tenant: 'main', runId })).not.toBeNull();
        expect(await again.events(runId, 0, 10)).toHaveLength(1);
      }
      const claimed = await again.claim({ replica: 'next', deadAfterMs: 600_000, limit: 10_000 });
      expect(claimed.length).toBeGreaterThanOrEqual(acknowledged.length);
    });
  });
}
