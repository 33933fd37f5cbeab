import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ResumeOptions } from '../../src/contract/api/runs.ts';
import type { Json } from '../../src/contract/domain/json.ts';
import type { Run } from '../../src/contract/domain/run.ts';
import { openRig, type Rig, tenant } from './engine-rig.ts';
import { fault } from './scripted-vendor.ts';

let rig: Rig;
beforeEach(async () => {
  rig = await openRig();
});
afterEach(() => rig.close());

const threadId = '0193b3a0-6b7c-7d2e-8f00-7777777777aa';
const marked = { mark: 'm-1' };

function show(answer: { readonly status: string; readonly question?: Json; readonly output?: Json }): void {
  rig.vendor.observeScript.splice(0, Number.POSITIVE_INFINITY, answer);
}

async function interruptedRun(): Promise<Run> {
  show({ status: 'running', question: 'first?' });
  const { run } = await rig.engine.api.runs.create({
    ...{ tenant, agent: undefined, request: {} },
    thread: { threadId, ifNotExists: 'create', whenBusy: 'enqueue' },
  });
  await rig.clock.advance(1000);
  const now = await rig.read(run);
  expect(now.status).toBe('interrupted');
  return now;
}

const resume = ({ runId }: Run, payload: Json, options?: ResumeOptions) =>
  rig.engine.api.runs.resume({ tenant, runId }, payload, options);

/** Seconds pass in which the vendor shows this. */
async function goOn(answer: Parameters<typeof show>[0]): Promise<void> {
  show(answer);
  await rig.clock.advance(10_000);
}

test('an answer that comes again under its mark gives the run as it is: resumed, asking anew, and over', async () => {
  const run = await interruptedRun();
  const first = await resume(run, { b: 1, a: 2 }, marked);
  expect(first).toMatchObject({ replayed: false, afterSeq: run.lastSeq, run: { phase: 'resuming' } });
  const again = () => resume(run, { a: 2, b: 1 }, marked);
  expect(await again()).toMatchObject({ replayed: true, afterSeq: run.lastSeq, run: { status: 'pending' } });
  await goOn({ status: 'running', question: 'second?' });
  expect(await again()).toMatchObject({ replayed: true, run: { outcome: { payload: 'second?' } } });
  await resume(run, 'no', { mark: 'm-2' });
  await goOn({ status: 'success', output: 'done' });
  expect(await again()).toMatchObject({ replayed: true, run: { status: 'success', outcome: { value: 'done' } } });
  expect(rig.vendor.resumptions).toEqual([{ answer: { b: 1, a: 2 } }, { answer: 'no' }]);
});

test('another answer under a mark that was used is refused, even while the run asks', async () => {
  const run = await interruptedRun();
  await resume(run, 'yes', marked);
  const refusal = { code: 'idempotency_mismatch', http: 422 };
  await expect(resume(run, 'no', marked)).rejects.toMatchObject(refusal);
  await goOn({ status: 'running', question: 'second?' });
  await expect(resume(run, 'no', marked)).rejects.toMatchObject(refusal);
  expect(rig.vendor.resumptions).toEqual([{ answer: 'yes' }]);
});

test('answers are the same by their identity where they have one, whatever their payload', async () => {
  const run = await interruptedRun();
  await resume(run, { text: 'yes' }, { ...marked, identity: 'yes' });
  expect(await resume(run, 'yes', { ...marked, identity: 'yes' })).toMatchObject({ replayed: true });
  await expect(resume(run, { text: 'yes' }, { ...marked, identity: 'no' })).rejects.toMatchObject({
    code: 'idempotency_mismatch',
  });
});

test('an answer without a mark and without a question is refused once the run does not ask', async () => {
  const run = await interruptedRun();
  await resume(run, 'yes');
  await expect(resume(run, 'yes')).rejects.toMatchObject({ code: 'run_not_interrupted' });
});

describe('an answer that names its question', () => {
  const ways: readonly (readonly [string, (run: Run, payload: Json, seq: number) => ReturnType<typeof resume>])[] = [
    ['of the run', (run, payload, questionSeq) => resume(run, payload, { questionSeq })],
    [
      'of the thread',
      ({ runId }, payload, seq) =>
        rig.engine.api.threads.resume({ key: { tenant, threadId }, payload, interrupt: { runId, seq } }),
    ],
  ];

  test.each(ways)(
    'an answer to a question %s that comes again gives the run as it is, and another one is refused',
    async (_, answer) => {
      const run = await interruptedRun();
      const seq = run.lastSeq;
      expect(await answer(run, 'yes', seq)).toMatchObject({ replayed: false, afterSeq: seq });
      const another = { code: 'question_answered', http: 409 };
      const checks = async () => {
        expect(await answer(run, 'yes', seq)).toMatchObject({
          replayed: true,
          afterSeq: seq,
          run: { runId: run.runId },
        });
        await expect(answer(run, 'no', seq)).rejects.toMatchObject(another);
      };
      await checks();
      await goOn({ status: 'running', question: 'second?' });
      await checks();
      await rig.engine.api.runs.cancel({ tenant, runId: run.runId }, { action: 'interrupt', wait: false });
      await checks();
      expect(rig.vendor.resumptions).toEqual([{ answer: 'yes' }]);
    },
  );

  test('a question of a run of another thread, and of an agent that is not seen, is not answered by it', async () => {
    const run = await interruptedRun();
    await resume(run, 'yes');
    const other = '0193b3a0-6b7c-7d2e-8f00-7777777777bb';
    await rig.engine.api.threads.create({ tenant, threadId: other, metadata: {}, ifExists: 'raise' });
    const interrupt = { runId: run.runId, seq: run.lastSeq };
    const asked = { payload: 'yes', interrupt };
    const refusal = { code: 'thread_not_interrupted' };
    const { threads } = rig.engine.api;
    await expect(threads.resume({ key: { tenant, threadId: other }, ...asked })).rejects.toMatchObject(refusal);
    await expect(threads.resume({ key: { tenant, threadId }, ...asked, agentIds: ['another'] })).rejects.toMatchObject(
      refusal,
    );
    expect(await threads.resume({ key: { tenant, threadId }, ...asked })).toMatchObject({ replayed: true });
  });
});

test('of copies of an answer that come at once one is taken, and each gets the run', async () => {
  const run = await interruptedRun();
  const all = await Promise.all(Array.from({ length: 8 }, () => resume(run, 'yes', marked)));
  expect(all.filter(({ replayed }) => !replayed)).toHaveLength(1);
  await rig.clock.advance(5000);
  expect(rig.vendor.resumptions).toEqual([{ answer: 'yes' }]);
});

test('an answer that a change of the webhooks overtakes is taken all the same', async () => {
  const run = await interruptedRun();
  const key = { tenant, runId: run.runId };
  const webhook = { url: 'https://hooks.test/a', protocol: null, events: 'end' } as const;
  const [, resumed] = await Promise.all([rig.engine.api.runs.putWebhook(key, webhook), resume(run, 'yes', marked)]);
  expect(resumed).toMatchObject({ replayed: false });
  expect(await rig.read(run)).toMatchObject({ webhooks: [{ url: webhook.url }], answers: [{ mark: 'm-1' }] });
});

test('an answer that the vendor did not take is taken again under its mark, once the vendor asks again', async () => {
  const run = await interruptedRun();
  rig.vendor.resumeScript.push(fault('rejected'));
  await resume(run, 'yes', marked);
  await rig.clock.advance(20_000);
  expect(await rig.read(run)).toMatchObject({ status: 'interrupted' });
  expect(await resume(run, 'yes', marked)).toMatchObject({ replayed: false });
  await rig.clock.advance(5000);
  expect(rig.vendor.resumptions).toHaveLength(2);
  expect(await resume(run, 'yes', marked)).toMatchObject({ replayed: true });
});

describe('a process that is killed', () => {
  test('an answer that was taken before the process was killed comes again to the next one, and is sent once', async () => {
    const run = await interruptedRun();
    rig.vendor.resumeScript.push(fault('retry'));
    await resume(run, 'yes', marked);
    await rig.clock.settle();
    expect((await rig.read(run)).phase).toBe('resuming');
    rig = await rig.crash();
    expect(await resume(run, 'yes', marked)).toMatchObject({ replayed: true });
    await expect(resume(run, 'no', { questionSeq: run.lastSeq })).rejects.toMatchObject({ code: 'question_answered' });
    await goOn({ status: 'success', output: 1 });
    expect(rig.vendor.resumptions).toEqual([{ answer: 'yes' }, { answer: 'yes' }]);
    expect((await rig.events(run)).filter(({ change }) => change.kind === 'phase' && change.answer)).toHaveLength(1);
  });

  test('an answer that was on its way when the process was killed waits for what the vendor says', async () => {
    const run = await interruptedRun();
    rig.vendor.resumeGate = new Promise(() => {});
    await resume(run, 'yes', marked);
    await rig.clock.settle();
    expect((await rig.read(run)).phase).toBe('delivering');
    show({ status: 'running' });
    rig = await rig.crash();
    rig.vendor.resumeGate = Promise.resolve();
    await rig.clock.advance(5000);
    expect(await resume(run, 'yes', marked)).toMatchObject({ replayed: true, run: { status: 'pending' } });
    await goOn({ status: 'running', question: 'first?' });
    expect(await resume(run, 'yes', marked)).toMatchObject({ replayed: false });
    await rig.clock.advance(1000);
    expect(rig.vendor.resumptions.at(-1)).toEqual({ answer: 'yes' });
  });
});

test('what was answered stands in the event of the answer', async () => {
  const run = await interruptedRun();
  await resume(run, { ok: true }, { extra: { said: 'yes' } });
  expect((await rig.events(run))[run.lastSeq]?.change).toEqual({
    kind: 'phase',
    phase: 'resuming',
    answer: { payload: { ok: true }, extra: { said: 'yes' } },
  });
});
