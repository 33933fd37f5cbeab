import { beforeEach, describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import type { UpstreamRef } from '../../src/contract/domain/run.ts';
import { faultOf } from './adapter-contract.ts';
import { payload } from './temporal-frontend.ts';
import { never, runId, TemporalRig, targetOf, workflowId } from './temporal-rig.ts';

describe.each(['http', 'grpc'] as const)('over %s', (transport) => {
  const rig = new TemporalRig(transport);

  describe('a held call', () => {
    test('brings the end when it comes', async () => {
      const ref = await rig.started();
      const held = rig.attend(ref);
      await expect.poll(() => rig.frontend.methods().at(-1)).toBe('GetWorkflowExecutionHistory');
      rig.frontend.complete(workflowId, 'done');
      expect(await held).toMatchObject({ status: 'COMPLETED', raw: { ...ref, result: 'done' } });
      expect(rig.frontend.received).toHaveLength(2);
    });

    test('that the rig.frontend gives up brings nothing', async () => {
      const ref = await rig.started();
      rig.frontend.holdMs = 20;
      expect(await rig.attend(ref)).toBeNull();
    });

    test('follows a workflow that continues as new', async () => {
      const ref = await rig.started();
      const held = rig.attend(ref);
      await expect.poll(() => rig.frontend.methods().at(-1)).toBe('GetWorkflowExecutionHistory');
      rig.frontend.continueAsNew(workflowId);
      await expect.poll(() => rig.frontend.received.length).toBe(3);
      rig.frontend.complete(workflowId, 2);
      expect(await held).toMatchObject({ status: 'COMPLETED', raw: { result: 2 } });
    });

    test('is cut by its signal', async () => {
      const ref = await rig.started();
      const abort = new AbortController();
      const held = faultOf(rig.attend(ref, abort.signal));
      await expect.poll(() => rig.frontend.methods().at(-1)).toBe('GetWorkflowExecutionHistory');
      abort.abort();
      expect((await held).kind).toBe('aborted');
    });
  });

  describe('a resume', () => {
    const resume = (ref: UpstreamRef, payload: Json, more: JsonObject = {}) =>
      rig.connection.resume?.(targetOf({ state: 's', ...more }), ref, payload, `${runId}.3`);
    const heard: Json[] = [];

    beforeEach(() => {
      heard.length = 0;
      rig.frontend.answerUpdate = (name, input) => {
        heard.push([name, input]);
        return 'ok';
      };
    });

    test('by an update goes to the run of the workflow that was started, with the id of the delivery', async () => {
      const ref = await rig.started();
      await resume(ref, { input: { ok: true } });
      expect(rig.frontend.received.at(-1)).toMatchObject({
        method: 'UpdateWorkflowExecution',
        message: {
          workflowExecution: { workflowId, runId: ref.runId },
          request: {
            meta: { updateId: `${runId}.3` },
            input: { name: 'resume', args: { payloads: [payload({ ok: true })] } },
          },
        },
      });
    });

    test('that is sent twice is heard once', async () => {
      const ref = await rig.started();
      rig.frontend.after = () => false;
      expect(await faultOf(Promise.resolve(resume(ref, { input: 1 })))).toMatchObject({ consequence: 'unknown' });
      rig.frontend.after = () => true;
      await resume(ref, { input: 1 });
      expect(heard).toEqual([['resume', [1]]]);
    });

    test('is refused in the words of the workflow', async () => {
      const ref = await rig.started();
      rig.frontend.answerUpdate = () => 'no: too late';
      expect(await faultOf(Promise.resolve(resume(ref, { input: 1 })))).toMatchObject({
        consequence: 'rejected',
        message: 'no: too late',
      });
    });

    test('finds the run in which the workflow goes on', async () => {
      const ref = await rig.started();
      rig.frontend.continueAsNew(workflowId);
      const third = rig.frontend.continueAsNew(workflowId);
      await resume(ref, { name: 'approve' });
      expect(heard).toEqual([['approve', []]]);
      expect(rig.frontend.received.at(-1)?.message.workflowExecution).toEqual({ workflowId, runId: third });
    });

    test('of a workflow that is over finds it gone', async () => {
      const ref = await rig.started();
      rig.frontend.complete(workflowId, 1);
      expect(await faultOf(Promise.resolve(resume(ref, { input: 1 })))).toMatchObject({ consequence: 'gone' });
      expect(heard).toEqual([]);
    });

    test('by a signal has the id of the delivery as its request id', async () => {
      const ref = await rig.started();
      await resume(ref, { name: 'go', input: [1] }, { resumeBy: 'signal' });
      expect(rig.frontend.received.at(-1)).toMatchObject({
        method: 'SignalWorkflowExecution',
        message: { signalName: 'go', requestId: `${runId}.3`, input: { payloads: [payload([1])] } },
      });
      rig.frontend.continueAsNew(workflowId);
      await resume(ref, { name: 'go' }, { resumeBy: 'signal' });
      expect(rig.frontend.workflows.get(workflowId)?.runs[1]?.updates.size).toBe(1);
    });

    test('that the mapping makes in another shape is refused, and nothing is sent', async () => {
      const ref = await rig.started();
      const fault = await faultOf(Promise.resolve(resume(ref, { answer: 1 })));
      expect([fault.consequence, rig.frontend.received.length]).toEqual(['rejected', 1]);
    });

    if (transport === 'grpc')
      test('that was heard by a run which is over is answered as then', async () => {
        const ref = await rig.started();
        await resume(ref, { input: 1 });
        rig.frontend.continueAsNew(workflowId);
        await resume(ref, { input: 1 });
        expect(heard).toHaveLength(1);
        expect(rig.frontend.received.at(-1)?.method).toBe('PollWorkflowExecutionUpdate');
      });
  });

  describe('a stop', () => {
    test('cancels by the workflow id, and terminates after a grace', async () => {
      const ref = await rig.started();
      await rig.connection.cancel?.(targetOf(), ref);
      expect(rig.frontend.received.at(-1)).toMatchObject({
        method: 'RequestCancelWorkflowExecution',
        message: { workflowExecution: { workflowId } },
      });
      expect(rig.connection.termination?.graceMsOf(targetOf())).toBe(30_000);
      await rig.connection.termination?.terminate(targetOf(), ref);
      expect(await rig.observe(ref)).toMatchObject({ status: 'TERMINATED', raw: { reason: 'cancelled by rungate' } });
      expect(await faultOf(Promise.resolve(rig.connection.termination?.terminate(targetOf(), ref)))).toMatchObject({
        consequence: 'gone',
      });
    });

    test('terminates at once where the target says so', async () => {
      const target = targetOf({ stopBy: 'terminate' });
      const ref = await rig.started(target);
      await rig.connection.cancel?.(target, ref);
      expect((await rig.observe(ref)).status).toBe('TERMINATED');
      expect(rig.connection.termination?.graceMsOf(target)).toBeNull();
      expect(rig.connection.termination?.graceMsOf(targetOf({ graceSeconds: 0 }))).toBeNull();
    });

    test('reaches a workflow whose start was never answered', async () => {
      await rig.start();
      const ref = rig.connection.adoption?.refOf?.(targetOf(), runId) ?? never();
      expect(ref.workflowId).toBe(workflowId);
      await rig.connection.cancel?.(targetOf({ stopBy: 'terminate' }), ref);
      expect((await rig.observe(ref)).status).toBe('TERMINATED');
    });
  });
});
