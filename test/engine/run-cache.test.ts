import { expect, test } from 'vitest';
import type { Json } from '../../src/contract/domain/json.ts';
import { RunCache } from '../../src/engine/state/run-cache.ts';
import { makeRun } from '../store/runs.ts';
import { openRig, tenant } from './engine-rig.ts';

test('a run that was removed with its thread is not kept in the cache: it is neither read nor removed again', async () => {
  const rig = await openRig();
  const { api } = rig.engine;
  const thread = await api.threads.create({ tenant, metadata: {}, ifExists: 'raise' });
  const join = { threadId: thread.threadId, ifNotExists: 'reject', whenBusy: 'reject' } as const;
  const { run } = await api.runs.create({ tenant, agent: undefined, request: {}, thread: join });
  await api.runs.cancel({ tenant, runId: run.runId }, { action: 'interrupt', wait: false });
  // Read once, so that it is kept in memory.
  expect((await rig.read(run)).phase).toBe('done');
  await api.threads.delete({ tenant, threadId: thread.threadId });
  await expect(rig.read(run)).rejects.toThrow('no such run');
  await expect(api.runs.delete({ tenant, runId: run.runId })).rejects.toThrow('no such run');
  await rig.close();
});

test.each<[string, Json, boolean]>([
  ['a small result', { text: 'x' }, true],
  ['a text of 1 MiB', { text: 'x'.repeat(1024 * 1024) }, true],
  ['a text that is larger than the cache', { text: 'x'.repeat(3 * 1024 * 1024) }, false],
  ['lists whose JSON is small and whose values are many', Array.from({ length: 30_000 }, () => []), false],
])('%s is kept in memory only where it fits into the bound of the cache', async (_name, output, isKept) => {
  const store = { shared: false, find: () => Promise.resolve(null) };
  const cache = new RunCache(store, { maxRuns: 10, maxBytes: 4 * 1024 * 1024 }, () => undefined);
  const run = makeRun({ phase: 'done', status: 'success', outcome: { kind: 'result', value: output } });
  cache.keep(run);
  expect(cache.peek(run) === run).toBe(isKept);
});
