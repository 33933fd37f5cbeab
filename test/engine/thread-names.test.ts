import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ThreadRef } from '../../src/contract/domain/thread.ts';
import { openRig, type Rig, tenant } from './engine-rig.ts';

let rig: Rig;
beforeEach(async () => {
  rig = await openRig();
});
afterEach(() => rig.close());

type Join = { tenant?: string; ifNotExists?: 'create' | 'reject'; idempotencyKey?: string };

const joinAs = (ref: ThreadRef, more: Join = {}) =>
  rig.engine.api.runs.create({
    tenant: more.tenant ?? tenant,
    agent: undefined,
    request: {},
    thread: { ...ref, ifNotExists: more.ifNotExists ?? 'create', whenBusy: 'enqueue' },
    idempotencyKey: more.idempotencyKey,
  });

describe('threads that clients name', () => {
  test('runs that give the same name are in one thread, which shows the name', async () => {
    const first = (await joinAs({ name: 'ctx-1' })).run;
    const second = (await joinAs({ name: 'ctx-1' })).run;
    const other = (await joinAs({ name: 'ctx-2' })).run;
    expect(second.threadId).toBe(first.threadId);
    expect(other.threadId).not.toBe(first.threadId);
    const key = await rig.engine.api.threads.keyOf(tenant, { name: 'ctx-1' });
    expect(key).toEqual({ tenant, threadId: first.threadId });
    expect(await rig.engine.api.threads.get(key)).toMatchObject({ name: 'ctx-1', threadId: first.threadId });
    expect((await rig.read(second)).request.threadName).toBe('ctx-1');
  });

  test('an idempotency key makes one run in the thread of a name, also where the requests come at once and after a restart', async () => {
    const again = () => joinAs({ name: 'ctx-1' }, { idempotencyKey: 'k-1' });
    const made = await Promise.allSettled([again(), again(), again()]);
    // One that comes while the first is being carried out is refused, and may be sent again.
    const refusals = made.flatMap((each) => (each.status === 'rejected' ? [each.reason.code] : []));
    expect(refusals).toEqual(refusals.map(() => 'idempotency_in_progress'));
    const answers = [...made.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : [])), await again()];
    rig = await rig.crash();
    answers.push(await again());
    expect(new Set(answers.map(({ run }) => run.runId)).size).toBe(1);
    expect(answers.map(({ replayed }) => replayed).filter((replayed) => !replayed)).toHaveLength(1);
    const { threadId } = await rig.engine.api.threads.keyOf(tenant, { name: 'ctx-1' });
    expect(answers.map(({ run }) => run.threadId)).toEqual(answers.map(() => threadId));
    const found = [];
    for await (const { rows } of rig.engine.api.runs.search({ tenant, threadId, limit: 10, offset: 0 }))
      found.push(...rows);
    expect(found.map(({ runId }) => runId)).toEqual([answers[0]?.run.runId]);
  });

  test('an idempotency key that made a run in one thread is refused for another name, and makes no thread of it', async () => {
    await joinAs({ name: 'ctx-1' }, { idempotencyKey: 'k-1' });
    await expect(joinAs({ name: 'ctx-2' }, { idempotencyKey: 'k-1' })).rejects.toMatchObject({
      code: 'idempotency_mismatch',
    });
    const key = await rig.engine.api.threads.keyOf(tenant, { name: 'ctx-2' });
    await expect(rig.engine.api.threads.get(key)).rejects.toMatchObject({ code: 'thread_not_found' });
  });

  test('a name is the same thread after a restart', async () => {
    const first = (await joinAs({ name: 'ctx-1' })).run;
    rig = await rig.crash();
    expect((await joinAs({ name: 'ctx-1' })).run.threadId).toBe(first.threadId);
  });

  test('many runs at once that give one name make one thread', async () => {
    const runs = await Promise.all(Array.from({ length: 20 }, () => joinAs({ name: 'abc' })));
    expect(new Set(runs.map(({ run }) => run.threadId)).size).toBe(1);
    const found = [];
    for await (const { rows } of rig.engine.api.threads.search({ tenant, limit: 10, offset: 0 })) found.push(...rows);
    expect(found.map(({ name }) => name)).toEqual(['abc']);
  });

  test('the same name is another thread for another tenant, and for each agent where it is told apart by agents', async () => {
    const refs: readonly (readonly [string, ThreadRef])[] = [
      [tenant, { name: 'abc' }],
      ['other', { name: 'abc' }],
      [tenant, { name: 'abc', agentId: 'agent-1' }],
      [tenant, { name: 'abc', agentId: 'agent-2' }],
      [tenant, { name: 'Abc' }],
    ];
    const keys = await Promise.all(refs.map(([of, ref]) => rig.engine.api.threads.keyOf(of, ref)));
    expect(new Set(keys.map(({ threadId }) => threadId)).size).toBe(refs.length);
  });

  test('another deployment derives other ids from the same names, so that no tenant can foresee and take them', async () => {
    const elsewhere = await openRig();
    const ids = await Promise.all(
      [rig, elsewhere].map(async ({ engine }) => (await engine.api.threads.keyOf(tenant, { name: 'abc' })).threadId),
    );
    await elsewhere.close();
    expect(ids[0]).not.toBe(ids[1]);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  test('a name that is a UUID is the id of a thread, in whatever case', async () => {
    const id = '0193B3A0-6B7C-7D2E-8F00-7777777777AA';
    const { run } = await joinAs({ name: id });
    expect(run).toMatchObject({ threadId: id.toLowerCase(), request: {} });
    expect(run.request.threadName).toBeUndefined();
    expect(await rig.engine.api.threads.get({ tenant, threadId: id.toLowerCase() })).toMatchObject({ name: null });
  });

  test('a run in a thread that must exist is refused for a name that no thread has', async () => {
    await expect(joinAs({ name: 'nowhere' }, { ifNotExists: 'reject' })).rejects.toMatchObject({
      code: 'thread_not_found',
    });
    const { run } = await joinAs({ name: 'somewhere' });
    expect((await joinAs({ name: 'somewhere' }, { ifNotExists: 'reject' })).run.threadId).toBe(run.threadId);
  });

  test.each(['a', 'abc', 'a b', '会話 1', '😀'.repeat(255), 'x'.repeat(255), 'a\u00a0b'])(
    '%j is a name',
    async (name) => {
      const { threadId } = await rig.engine.api.threads.keyOf(tenant, { name });
      expect(threadId).toHaveLength(36);
    },
  );

  test.each([
    '',
    ' ',
    ' a',
    'a ',
    'a\nb',
    'a\u0000',
    '\ud800',
    'a\u200bb',
    'a\u2028b',
    'x'.repeat(256),
    '😀'.repeat(256),
  ])('%j is no name and is refused in words', async (name) => {
    await expect(rig.engine.api.threads.keyOf(tenant, { name })).rejects.toMatchObject({
      code: 'invalid_request',
      detail: 'the name of a thread has 1 to 255 visible characters',
    });
  });
});
