import { afterEach, beforeEach, expect, test } from 'vitest';
import type { RunEvent } from '../../src/contract/domain/event.ts';
import type { Run } from '../../src/contract/domain/run.ts';
import { openRig, type Rig, tenant } from './engine-rig.ts';

let rig: Rig;
beforeEach(async () => {
  rig = await openRig();
});
afterEach(() => rig.close());

const threadId = '0193b3a0-6b7c-7d2e-8f00-7777777777aa';
const key = { tenant, threadId };

async function interruptedRun(): Promise<Run> {
  rig.vendor.observeScript.splice(0, Number.POSITIVE_INFINITY, { status: 'running', question: 'sure?' });
  const { run } = await rig.engine.api.runs.create({
    ...{ tenant, agent: undefined, request: {} },
    thread: { threadId, ifNotExists: 'create', whenBusy: 'enqueue' },
  });
  await rig.clock.advance(1000);
  const now = await rig.read(run);
  expect(now.status).toBe('interrupted');
  return now;
}

const kindsOf = (events: readonly RunEvent[]) =>
  events.map(({ change }) => (change.kind === 'phase' ? change.phase : change.kind));

test('a thread is resumed by the run that asks, and its events go on after the question', async () => {
  const asked = await interruptedRun();
  const { run, afterSeq } = await rig.engine.api.threads.resume({ key, payload: 'yes' });
  expect(run).toMatchObject({ runId: asked.runId, phase: 'resuming' });
  const events = await rig.events(run);
  expect(events[afterSeq - 1]?.change).toEqual({ kind: 'interrupt', payload: 'sure?' });
  expect(kindsOf(events.slice(afterSeq))).not.toContain('interrupt');
  expect(events[afterSeq]?.change).toEqual({ kind: 'phase', phase: 'resuming', answer: { payload: 'yes' } });
  rig.vendor.observeScript.splice(0, Number.POSITIVE_INFINITY, { status: 'success', output: 'done' });
  await rig.clock.advance(5000);
  expect(await rig.read(run)).toMatchObject({ status: 'success', outcome: { value: 'done' } });
});

test('an answer that names the open interrupt is taken, and one that names another is refused', async () => {
  const { runId, lastSeq: seq } = await interruptedRun();
  const resume = (interrupt: { runId: string; seq: number }) =>
    rig.engine.api.threads.resume({ key, payload: 'yes', interrupt });
  const refusal = { code: 'thread_not_interrupted', http: 422 };
  await expect(resume({ runId, seq: seq - 1 })).rejects.toMatchObject(refusal);
  await expect(resume({ runId: threadId, seq })).rejects.toMatchObject(refusal);
  expect(await resume({ runId, seq })).toMatchObject({ run: { runId }, afterSeq: seq });
});

test('of several answers to one question exactly one is taken', async () => {
  await interruptedRun();
  const answers = Array.from({ length: 5 }, (_, n) => rig.engine.api.threads.resume({ key, payload: n }));
  const settled = await Promise.allSettled(answers);
  expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  for (const each of settled) {
    if (each.status === 'rejected') expect(each.reason.code).toMatch(/^(?:run|thread)_not_interrupted$/);
  }
  await rig.clock.advance(5000);
  expect(rig.vendor.resumptions).toHaveLength(1);
});

test('an answer is taken although the run is written to at the same moment', async () => {
  const { runId } = await interruptedRun();
  const url = 'https://example.com/';
  const { runs, threads } = rig.engine.api;
  const puts = ['a', 'b', 'c'].map((id) =>
    runs.putWebhook({ tenant, runId }, { id, url, protocol: null, events: 'status' }),
  );
  const resuming = threads.resume({ key, payload: 'yes' });
  await Promise.all(puts);
  expect(await resuming).toMatchObject({ run: { runId, phase: 'resuming' } });
  expect(await runs.webhooks({ tenant, runId })).toHaveLength(3);
  await rig.clock.advance(5000);
  expect(rig.vendor.resumptions).toHaveLength(1);
});

test('a thread none of whose runs is interrupted is not resumed', async () => {
  const refusal = { code: 'thread_not_interrupted', http: 422 };
  await rig.engine.api.threads.create({ ...key, metadata: {}, ifExists: 'raise' });
  await expect(rig.engine.api.threads.resume({ key, payload: 1 })).rejects.toMatchObject(refusal);
  await rig.engine.api.runs.create({
    ...{ tenant, agent: undefined, request: {} },
    thread: { threadId, ifNotExists: 'reject', whenBusy: 'reject' },
  });
  await rig.clock.advance(100);
  await expect(rig.engine.api.threads.resume({ key, payload: 1 })).rejects.toMatchObject(refusal);
});

test("a thread that is not there, or another tenant's, is refused as absent", async () => {
  await interruptedRun();
  const absent = [
    { tenant, threadId: '0193b3a0-6b7c-7d2e-8f00-7777777777ff' },
    { tenant: 'other', threadId },
  ];
  for (const one of absent) {
    const resumed = rig.engine.api.threads.resume({ key: one, payload: 1 });
    await expect(resumed).rejects.toMatchObject({ code: 'thread_not_found', http: 404 });
  }
});

test('a run of an agent that the caller may not see is not resumed by its thread', async () => {
  const { agentId, runId } = await interruptedRun();
  const resume = (agentIds: readonly string[]) => rig.engine.api.threads.resume({ key, payload: 1, agentIds });
  await expect(resume(['another'])).rejects.toMatchObject({ code: 'thread_not_interrupted' });
  expect((await resume([agentId])).run.runId).toBe(runId);
});
