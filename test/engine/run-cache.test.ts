import { expect, test } from 'vitest';
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
