import type { Interrupt } from '@ag-ui/core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { ask } from '../gateway/protocols.ts';
import type { VendorRun } from '../gateway/vendor.ts';
import type { AgUiClient } from './ag-ui-client.ts';
import { AgUiSite, complete } from './ag-ui-site.ts';

vi.setConfig({ testTimeout: 60_000 });

let own: AgUiSite;

beforeAll(async () => {
  own = await AgUiSite.open();
});
afterAll(async () => {
  await own[Symbol.asyncDispose]();
});
beforeEach(() => own.keepRunning());
afterEach(() => {
  expect(own.warnings()).toEqual([]);
});

const question = { interrupt_type: 'approval', question: 'Refund 12.50?' };

/** A client whose thread waits for an answer. */
async function interrupted(
  query = '',
): Promise<{ readonly client: AgUiClient; readonly upstream: VendorRun; readonly asked: Interrupt }> {
  own.restack.plan = () => ({ status: 'running', output: { interrupt: question } });
  const client = own.client(own.newThread(), own.urlOf('support', query)).say('Refund me');
  const { finished } = await client.run();
  expect(finished).toMatchObject({ type: 'RUN_FINISHED', outcome: { type: 'interrupt' } });
  const [asked] = client.agent.pendingInterrupts;
  if (asked === undefined) throw new Error('the client was asked nothing');
  return { client, upstream: await own.restack.nextRun(), asked };
}

describe('an interrupt', () => {
  test('a question is answered by a run of the client that resumes the same run', async () => {
    const { client, upstream, asked } = await interrupted();
    expect(asked).toMatchObject({
      reason: 'input_required',
      message: 'Refund 12.50?',
      responseSchema: AgUiSite.resumption,
    });
    const { run_id: before } = await client.shown();
    const resume = [{ interruptId: asked.id, status: 'resolved', payload: { approved: true } }] as const;
    const running = client.run({ runId: 'answer-1', resume: [...resume] });
    expect((await upstream.gotEvent()).body).toMatchObject({ eventInput: { approved: true } });
    complete(upstream, { reply: 'Refunded.' });
    const { result, finished } = await running;
    expect(result).toEqual({ reply: 'Refunded.' });
    expect(finished).toMatchObject({ runId: 'answer-1', threadId: client.agent.threadId });
    expect((await client.shown()).run_id).toBe(before);
    expect(client.agent.pendingInterrupts).toEqual([]);

    // The same answer again: its stream, and nothing else.
    const again = own.client(client.agent.threadId);
    expect(await again.run({ runId: 'answer-1', resume: [...resume] })).toMatchObject({
      result: { reply: 'Refunded.' },
    });
    expect(upstream.events).toHaveLength(1);
    const started = ({ events: [first] }: AgUiClient) => (first?.metadata as JsonObject | undefined)?.rungate;
    expect([started(client), started(again)]).toMatchObject([{ replayed: false }, { replayed: true }]);

    // Another answer: it must not be taken for one that counts.
    for (const other of [
      { status: 'resolved', payload: { approved: false } },
      { status: 'resolved' },
      { status: 'cancelled' },
    ] as const) {
      const late = own.client(client.agent.threadId);
      const { finished: refused } = await late.run({ resume: [{ interruptId: asked.id, ...other }] });
      expect(refused).toMatchObject({ type: 'RUN_ERROR', code: 'question_answered' });
      expect(refused.message).toContain('the same answer again streams what followed');
    }
    expect(upstream.events).toHaveLength(1);
  });

  test('an answer that comes when the agent has gone on without one is refused', async () => {
    const { client, upstream, asked } = await interrupted();
    upstream.say({ status: 'running' });
    await vi.waitFor(async () => expect(await client.shown()).toMatchObject({ status: 'pending' }));
    const late = { interruptId: asked.id, status: 'resolved', payload: { approved: true } } as const;
    const { finished } = await client.run({ resume: [late] });
    expect(finished).toMatchObject({ type: 'RUN_ERROR', code: 'thread_not_interrupted' });
    expect(upstream.events).toEqual([]);
    complete(upstream, { reply: 'Without you.' });
  });

  test('a question that the client gives up cancels the run', async () => {
    const { client, asked } = await interrupted();
    const { finished } = await client.run({ resume: [{ interruptId: asked.id, status: 'cancelled' }] });
    expect(finished).toMatchObject({ type: 'RUN_FINISHED', outcome: { type: 'cancelled' } });
    expect(await client.shown()).toMatchObject({ status: 'error' });
    const running = client.say('Something else').run();
    own.restack.plan = () => ({ status: 'running' });
    complete(await own.restack.nextRun(), { reply: 'Yes?' });
    expect(await running).toMatchObject({ result: { reply: 'Yes?' } });
  });

  test('an answer that does not fit is an error of the protocol, and the question stays', async () => {
    const { client, upstream, asked } = await interrupted();
    const wrong = { interruptId: asked.id, status: 'resolved', payload: { approved: 'yes' } } as const;
    expect((await client.run({ resume: [wrong] })).finished).toMatchObject({
      type: 'RUN_ERROR',
      code: 'invalid_input',
    });
    const other = { interruptId: 'no-such-id', status: 'resolved', payload: {} } as const;
    const stranger = own.client(client.agent.threadId);
    for (const resume of [[other], [wrong, other], [{ ...wrong, interruptId: asked.id.replace(/\d+$/, '99') }]]) {
      const { finished } = await stranger.run({ resume });
      expect(finished).toMatchObject({ type: 'RUN_ERROR', code: 'thread_not_interrupted' });
    }
    const elsewhere = own.client();
    expect((await elsewhere.run({ resume: [wrong] })).finished).toMatchObject({ code: 'thread_not_interrupted' });
    expect(upstream.events).toEqual([]);
    expect(await ask(own.site.client.url, 'GET', `/agent-protocol/runs/${asked.id.split('.')[0]}`)).toMatchObject({
      body: { status: 'interrupted' },
    });
  });

  test('a message to a thread that waits for an answer is refused with the question, and starts nothing', async () => {
    const { client, asked } = await interrupted();
    const starts = own.restack.count('start');
    const reloaded = own.client(client.agent.threadId).say('Hello?');
    const { finished } = await reloaded.run();
    expect(finished).toMatchObject({
      type: 'RUN_ERROR',
      code: 'interrupt_pending',
      metadata: { rungate: { interrupts: [{ id: asked.id }] } },
    });
    expect(own.restack.count('start')).toBe(starts);
  });

  test('of two different answers at the same time one counts, and the other is refused', async () => {
    const { client, upstream, asked } = await interrupted();
    const answers = [true, false].map((approved) =>
      own.client(client.agent.threadId).run({
        resume: [{ interruptId: asked.id, status: 'resolved', payload: { approved } }],
      }),
    );
    await upstream.gotEvent();
    complete(upstream, { reply: 'Decided.' });
    const ends = (await Promise.all(answers)).map(({ finished }) => finished);
    expect(ends.map(({ type }) => String(type)).sort()).toEqual(['RUN_ERROR', 'RUN_FINISHED']);
    expect(ends.find(({ code }) => code !== undefined)).toMatchObject({ code: 'question_answered' });
    expect(upstream.events).toHaveLength(1);
  });

  test('two answers at the same time reach the vendor as one', async () => {
    const { client, upstream, asked } = await interrupted();
    const resume = [{ interruptId: asked.id, status: 'resolved' as const, payload: { approved: true } }];
    const both = [own.client(client.agent.threadId), own.client(client.agent.threadId)].map((each) =>
      each.run({ resume }),
    );
    await upstream.gotEvent();
    complete(upstream, { reply: 'Once.' });
    for (const { result } of await Promise.all(both)) expect(result).toEqual({ reply: 'Once.' });
    expect(upstream.events).toHaveLength(1);
  });
});
