import { describe, expect, test } from 'vitest';
import { temporal } from '../../adapters/temporal/adapter.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { readJson } from '../../src/json/exact-number.ts';
import { faultOf } from './adapter-contract.ts';
import { FrontendError, payload } from './temporal-frontend.ts';
import { apiKey, never, runId, TemporalRig, targetOf, workflowId } from './temporal-rig.ts';

const inner = (message: string, type = 'ValueError'): JsonObject => ({ message, applicationFailureInfo: { type } });

describe.each(['http', 'grpc'] as const)('over %s', (transport) => {
  const rig = new TemporalRig(transport);

  describe('a start', () => {
    test('has the workflow id and the request id of the run, and what the target says', async () => {
      const target = targetOf({
        memo: { team: 'a' },
        searchAttributes: { team: { type: 'Keyword', value: 'a' } },
        executionTimeoutSeconds: 60,
      });
      expect(await rig.start(target)).toEqual({ upstream: { runId: rig.firstRun, workflowId } });
      expect(rig.frontend.received).toHaveLength(1);
      expect(rig.frontend.received[0]).toMatchObject({
        method: 'StartWorkflowExecution',
        headers: { authorization: `Bearer ${apiKey}` },
        message: {
          namespace: 'orders',
          workflowId,
          requestId: runId,
          workflowType: { name: 'Greet' },
          taskQueue: { name: 'q' },
          input: { payloads: [payload({ name: 'Ann' })] },
          workflowIdReusePolicy: 'WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE',
          workflowExecutionTimeout: '60s',
          memo: { fields: { team: payload('a') } },
          searchAttributes: { indexedFields: { team: { metadata: { type: 'S2V5d29yZA==' } } } },
        },
      });
    });

    test('that is sent again gives the same run, while it runs, after it ended and after it went on in another', async () => {
      const first = await rig.start();
      expect(await rig.start()).toEqual(first);
      rig.frontend.complete(workflowId, 1);
      expect(await rig.start()).toEqual(first);
      rig.frontend.workflows.get(workflowId)?.runs.pop();
      rig.frontend.workflows.get(workflowId)?.runs.push({ runId: 'x', close: null, updates: new Map() });
      rig.frontend.continueAsNew(workflowId);
      expect((await rig.start()).upstream).toMatchObject({ workflowId });
      expect(rig.frontend.workflows.size).toBe(1);
    });

    test('whose answer is cut is unknown, and is found by the next one', async () => {
      rig.frontend.after = () => false;
      expect(await faultOf(rig.start())).toMatchObject({ consequence: 'unknown', kind: 'cut' });
      rig.frontend.after = () => true;
      expect((await rig.start()).upstream).toEqual({ runId: rig.firstRun, workflowId });
    });

    test.each([
      [3, 'rejected'],
      [5, 'rejected'],
      [7, 'rejected'],
      [16, 'rejected'],
      [8, 'retry'],
      [4, 'unknown'],
      [2, 'unknown'],
      [13, 'unknown'],
      ...(transport === 'grpc'
        ? ([
            [14, 'unknown'],
            [1, 'unknown'],
            [10, 'unknown'],
            [15, 'unknown'],
            [9, 'rejected'],
            [11, 'rejected'],
            [12, 'rejected'],
          ] as const)
        : []),
    ] as const)('that is answered with the status %i is %s', async (code, consequence) => {
      rig.frontend.before = () => {
        throw new FrontendError(code, 'said so');
      };
      expect(await faultOf(rig.start())).toMatchObject({ consequence, message: 'said so' });
    });

    test('with one argument for each item needs an array', async () => {
      await rig.start(targetOf({ arguments: 'each' }), [1, 'b']);
      expect(rig.frontend.received[0]?.message.input).toEqual({ payloads: [payload(1), payload('b')] });
      expect(await faultOf(rig.start(targetOf({ arguments: 'each' }), {}))).toMatchObject({ consequence: 'rejected' });
      expect(rig.frontend.received).toHaveLength(1);
    });

    test('carries numbers beyond doubles as they are', async () => {
      await rig.start(targetOf(), readJson('{"n":9007199254740993}'));
      rig.frontend.end(workflowId, {
        eventType: 'EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED',
        workflowExecutionCompletedEventAttributes: {
          result: { payloads: [{ ...payload(0), data: Buffer.from('[1e400]').toString('base64') }] },
        },
      });
      const { input } = rig.frontend.received[0]?.message ?? never();
      const sent = (input as { payloads: { data: string }[] }).payloads[0]?.data ?? '';
      expect(Buffer.from(sent, 'base64').toString()).toBe('{"n":9007199254740993}');
      expect(JSON.stringify((await rig.observe({ runId: workflowId, workflowId })).raw)).toContain('"result":[1e400]');
    });
  });

  describe('an observation', () => {
    test('of a live workflow shows that it runs, in one call', async () => {
      const ref = await rig.started();
      const seen = await rig.observe(ref);
      expect(seen).toMatchObject({
        status: 'RUNNING',
        raw: { ...ref, status: 'RUNNING', workflowType: 'Greet', taskQueue: 'q' },
      });
      expect([seen.stuck, seen.isInterruptUnknown]).toEqual([undefined, undefined]);
      expect(rig.frontend.methods()).toEqual(['StartWorkflowExecution', 'DescribeWorkflowExecution']);
    });

    test('of a workflow that ended has its result', async () => {
      const ref = await rig.started();
      rig.frontend.complete(workflowId, { greeting: 'Hi', n: 1 });
      expect(await rig.observe(ref)).toMatchObject({ status: 'COMPLETED', raw: { result: { greeting: 'Hi', n: 1 } } });
    });

    test('of a failure has the innermost message, its type and the step', async () => {
      const ref = await rig.started();
      rig.frontend.fail(workflowId, {
        message: 'Activity task failed',
        activityFailureInfo: { activityType: { name: 'step' } },
        cause: inner('step said no'),
      });
      const failure = { message: 'step said no', type: 'ValueError', activity: 'step' };
      expect(await rig.observe(ref)).toMatchObject({ status: 'FAILED', raw: { failure } });
    });

    test.each([
      ['CANCELED', 'Canceled', {}, {}],
      ['TERMINATED', 'Terminated', { reason: 'by hand' }, { reason: 'by hand' }],
      ['TIMED_OUT', 'TimedOut', {}, {}],
    ])('of a workflow that is %s says so', async (word, attributes, value, shown) => {
      const ref = await rig.started();
      rig.frontend.end(workflowId, {
        eventType: `EVENT_TYPE_WORKFLOW_EXECUTION_${word}`,
        [`workflowExecution${attributes}EventAttributes`]: value,
      });
      expect(await rig.observe(ref)).toMatchObject({ status: word, raw: shown });
    });

    test('follows a workflow that continued as new, and one that is tried again after a failure', async () => {
      const ref = await rig.started();
      const second = rig.frontend.continueAsNew(workflowId);
      expect(await rig.observe(ref)).toMatchObject({ status: 'RUNNING', raw: { runId: second } });
      rig.frontend.end(workflowId, {
        eventType: 'EVENT_TYPE_WORKFLOW_EXECUTION_FAILED',
        workflowExecutionFailedEventAttributes: { failure: inner('once'), newExecutionRunId: 'next' },
      });
      expect(await rig.observe(ref)).toMatchObject({ status: 'RUNNING' });
    });

    test('of a workflow that is not there is gone, and a refusal may pass', async () => {
      const ref = await rig.started();
      rig.frontend.forget(workflowId);
      expect(await faultOf(rig.observe(ref))).toMatchObject({ consequence: 'gone' });
      rig.frontend.before = () => {
        throw new FrontendError(7, 'not now');
      };
      expect(await faultOf(rig.observe(ref))).toMatchObject({ consequence: 'retry', message: 'not now' });
    });

    test('of a result that is not JSON says what it is, and that the run is over', async () => {
      const ref = await rig.started();
      rig.frontend.end(workflowId, {
        eventType: 'EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED',
        workflowExecutionCompletedEventAttributes: { result: { payloads: [payload(1, 'binary/encrypted')] } },
      });
      const fault = await faultOf(rig.observe(ref));
      expect(fault).toMatchObject({ consequence: 'retry', kind: 'malformed', vendorStatus: 'COMPLETED' });
      expect(fault.message).toContain('binary/encrypted');
    });

    test('shows no secret that stands in a payload', async () => {
      const ref = await rig.started();
      rig.frontend.complete(workflowId, `key is ${apiKey}`);
      expect(await rig.observe(ref)).toMatchObject({ raw: { result: 'key is [redacted]' } });
      expect(await rig.attend(ref)).toMatchObject({ raw: { result: 'key is [redacted]' } });
    });

    test.each([
      [
        'whose code fails again and again',
        { attempt: 3, state: 'PENDING_WORKFLOW_TASK_STATE_STARTED' },
        /failed 2 times/,
      ],
      [
        'that no worker takes up',
        { attempt: 1, state: 'PENDING_WORKFLOW_TASK_STATE_SCHEDULED', originalScheduledTime: '2026-01-01T00:00:00Z' },
        /no worker of its task queue/,
      ],
    ])('of a workflow %s says so', async (_what, task, words) => {
      const ref = await rig.started();
      rig.frontend.pendingWorkflowTask = task;
      expect((await rig.observe(ref)).stuck).toMatch(words);
    });

    test('of a workflow whose task was scheduled just now, or is tried a second time, says nothing of it', async () => {
      const ref = await rig.started();
      const now = new Date().toISOString();
      rig.frontend.pendingWorkflowTask = {
        attempt: 2,
        state: 'PENDING_WORKFLOW_TASK_STATE_SCHEDULED',
        scheduledTime: now,
      };
      expect((await rig.observe(ref)).stuck).toBeUndefined();
    });

    test('of a workflow whose step fails again and again names the step and its failure', async () => {
      const ref = await rig.started();
      const lastFailure = { message: 'Activity task failed', cause: { message: 'no route' } };
      rig.frontend.pendingActivities = [{ activityType: { name: 'fetch' }, attempt: 4, lastFailure }];
      expect((await rig.observe(ref)).stuck).toBe('its step "fetch" has failed 3 times, at last with: no route');
    });
  });

  describe('a query for the state', () => {
    const asking = targetOf({ state: 'waiting_for', stateTimeoutSeconds: 0.2 });

    test('shows what the workflow waits for', async () => {
      const ref = await rig.started(asking);
      rig.frontend.answerQuery = (name) => ({ name, amount: 12 });
      expect(await rig.observe(ref, asking)).toMatchObject({ raw: { state: { name: 'waiting_for', amount: 12 } } });
    });

    test.each([
      ['is refused', () => Promise.reject(new FrontendError(3, 'unknown queryType'))],
      ['is not answered', () => new Promise<Json>(() => {})],
    ])('that %s leaves the status that is known', async (_what, answerQuery) => {
      const ref = await rig.started(asking);
      rig.frontend.answerQuery = answerQuery;
      const seen = await rig.observe(ref, asking);
      expect(seen).toMatchObject({ status: 'RUNNING', isInterruptUnknown: true });
      expect(seen.raw).not.toHaveProperty('state');
    });

    test('is not sent for a workflow that is over', async () => {
      const ref = await rig.started(asking);
      rig.frontend.complete(workflowId, 1);
      await rig.observe(ref, asking);
      expect(rig.frontend.methods()).not.toContain('QueryWorkflow');
    });

    test('makes a target that is polled and can be resumed', () => {
      expect(temporal.capabilitiesOf?.(asking)).toEqual({ resume: true, attend: false });
      expect(temporal.capabilitiesOf?.(targetOf())).toEqual({ resume: false, attend: true });
    });
  });
});

test('the key of a certificate is a secret, and TLS and the kind of connection follow from the settings', () => {
  const tls = { cert: '-----BEGIN CERTIFICATE-----\nx', key: '-----BEGIN PRIVATE KEY-----\ny', serverName: 'a.b' };
  const settings = temporal.settings.parse({ tls, apiKey });
  expect(temporal.secretsOf(settings)).toEqual([apiKey, tls.key]);
  expect(temporal.connectionOptionsOf?.(settings)).toEqual({ tls, isMultiplexed: true });
  expect(temporal.connectionOptionsOf?.(temporal.settings.parse({ transport: 'http' }))).toMatchObject({
    isMultiplexed: false,
  });
  expect(temporal.settings.safeParse({ tls: { cert: tls.cert } }).success).toBe(false);
});
