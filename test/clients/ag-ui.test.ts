import type { RunAgentParameters } from '@ag-ui/client';
import type { Interrupt } from '@ag-ui/core';
import { AgentCapabilitiesSchema } from '@ag-ui/core/schemas';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { ask } from '../gateway/protocols.ts';
import { openSite, type Site, support } from '../gateway/site.ts';
import { RestackStandIn } from '../gateway/stand-ins.ts';
import type { VendorRun } from '../gateway/vendor.ts';
import { AgUiClient } from './ag-ui-client.ts';

vi.setConfig({ testTimeout: 30_000 });

const message = { type: 'object', required: ['message'], properties: { message: { type: 'string' } } };
const question = { interrupt_type: 'approval', question: 'Refund 12.50?' };
const resumption = { type: 'object', required: ['approved'], properties: { approved: { type: 'boolean' } } };
const interrupts = [{ interrupt_type: 'approval', interrupt_payload: {}, resume_payload: resumption }];

const agents: readonly JsonObject[] = [
  { ...support, mapping: { interrupt: 'output.interrupt' }, schemas: { input: message, output: {}, interrupts } },
  {
    ...support,
    name: 'tooled',
    schemas: {
      input: {
        type: 'object',
        properties: {
          messages: { type: 'array' },
          tools: { type: 'array' },
          context: { type: 'array' },
          state: {},
        },
      },
    },
  },
];

let restack: RestackStandIn;
let site: Site;
/** The client warns of each member that the protocol does not have. */
const warnings = vi.spyOn(console, 'warn').mockImplementation(() => {});
const errors = vi.spyOn(console, 'error').mockImplementation(() => {});

beforeAll(async () => {
  restack = await RestackStandIn.open();
  site = await openSite({ restack, agents });
});
afterAll(async () => {
  await site[Symbol.asyncDispose]();
  await restack[Symbol.asyncDispose]();
});
beforeEach(() => {
  warnings.mockClear();
  errors.mockClear();
  restack.plan = () => ({ status: 'running' });
});
afterEach(() => {
  expect(warnings.mock.calls).toEqual([]);
});

function urlOf(agent: string, query = ''): string {
  return `${site.client.url}/ag-ui/${agent}${query}`;
}

/** The published client of a thread at the gateway. */
class Client extends AgUiClient {
  constructor(threadId: string, url = urlOf('support')) {
    super(site.client.url, { threadId, url });
  }
}

let threads = 0;
function newThread(): string {
  threads += 1;
  return `customer ${threads}`;
}

function complete(upstream: VendorRun, output: Json): void {
  upstream.say({ status: 'completed', output });
}

describe('the client of AG-UI', () => {
  test('a run of the client gives the reply as a message and the output as its result', async () => {
    const client = new Client(newThread()).say('Where is my order?');
    const running = client.run();
    const upstream = await restack.nextRun();
    expect(upstream.asked.body).toMatchObject({ input: { message: 'Where is my order?' } });
    complete(upstream, { reply: 'On its way.', parcel: 7 });
    const { result, newMessages, finished } = await running;
    expect(result).toEqual({ reply: 'On its way.', parcel: 7 });
    expect(newMessages).toMatchObject([{ role: 'assistant', content: 'On its way.' }]);
    expect(finished).toMatchObject({ type: 'RUN_FINISHED', outcome: { type: 'success' } });
    expect(client.agent.state).toEqual({ reply: 'On its way.', parcel: 7 });
    expect(await client.shown()).toMatchObject({ status: 'success' });
  });

  test('a partial output that grows comes as deltas while the run is under way', async () => {
    const client = new Client(newThread()).say('Tell me.');
    const running = client.run();
    const upstream = await restack.nextRun();
    upstream.say({ status: 'running', output: { reply: 'Once upon' } });
    await vi.waitFor(() => expect(client.agent.messages.at(-1)?.content).toBe('Once upon'));
    upstream.say({ status: 'running', output: { reply: 'Once upon a time' } });
    await vi.waitFor(() => expect(client.agent.messages.at(-1)?.content).toBe('Once upon a time'));
    complete(upstream, { reply: 'Once upon a time.' });
    const { newMessages } = await running;
    expect(newMessages).toMatchObject([{ content: 'Once upon a time.' }]);
    const deltas = client.events.filter(({ type }) => String(type) === 'TEXT_MESSAGE_CONTENT');
    expect(deltas.map(({ delta }) => delta)).toEqual(['Once upon', ' a time', '.']);
  });

  test('a second turn is a run of the same thread, whatever the client calls that', async () => {
    const client = new Client(newThread()).say('One');
    let running = client.run();
    complete(await restack.nextRun(), { reply: 'first' });
    await running;
    const { thread_id: before } = await client.shown();
    running = client.say('Two').run();
    const upstream = await restack.nextRun();
    complete(upstream, { reply: 'second' });
    await running;
    expect(upstream.asked.body).toMatchObject({ input: { message: 'Two' } });
    expect((await client.shown()).thread_id).toBe(before);
    expect(client.agent.messages.map(({ content }) => content)).toEqual(['One', 'first', 'Two', 'second']);
  });

  test('a run that fails is an error of the protocol with the errcode of the run', async () => {
    const client = new Client(newThread()).say('Fail');
    const running = client.run();
    (await restack.nextRun()).say({ status: 'failed', error: 'the page did not load' });
    const { finished, result } = await running;
    expect(finished).toMatchObject({ type: 'RUN_ERROR', message: expect.stringContaining('the page did not load') });
    expect(finished.code).toMatch(/^\d{4}$/);
    expect(result).toBeUndefined();
  });
});

/** A client whose thread waits for an answer. */
async function interrupted(
  query = '',
): Promise<{ readonly client: Client; readonly upstream: VendorRun; readonly asked: Interrupt }> {
  restack.plan = () => ({ status: 'running', output: { interrupt: question } });
  const client = new Client(newThread(), urlOf('support', query)).say('Refund me');
  const { finished } = await client.run();
  expect(finished).toMatchObject({ type: 'RUN_FINISHED', outcome: { type: 'interrupt' } });
  const [asked] = client.agent.pendingInterrupts;
  if (asked === undefined) throw new Error('the client was asked nothing');
  return { client, upstream: await restack.nextRun(), asked };
}

describe('an interrupt', () => {
  test('a question is answered by a run of the client that resumes the same run', async () => {
    const { client, upstream, asked } = await interrupted();
    expect(asked).toMatchObject({ reason: 'input_required', message: 'Refund 12.50?', responseSchema: resumption });
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
    const again = new Client(client.agent.threadId);
    expect(await again.run({ runId: 'answer-1', resume: [...resume] })).toMatchObject({
      result: { reply: 'Refunded.' },
    });
    expect(upstream.events).toHaveLength(1);
    const started = ({ events: [first] }: Client) => (first?.metadata as JsonObject | undefined)?.rungate;
    expect([started(client), started(again)]).toMatchObject([{ replayed: false }, { replayed: true }]);
  });

  test('a question that the client gives up cancels the run', async () => {
    const { client, asked } = await interrupted();
    const { finished } = await client.run({ resume: [{ interruptId: asked.id, status: 'cancelled' }] });
    expect(finished).toMatchObject({ type: 'RUN_FINISHED', outcome: { type: 'cancelled' } });
    expect(await client.shown()).toMatchObject({ status: 'error' });
    const running = client.say('Something else').run();
    restack.plan = () => ({ status: 'running' });
    complete(await restack.nextRun(), { reply: 'Yes?' });
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
    const stranger = new Client(client.agent.threadId);
    for (const resume of [[other], [wrong, other], [{ ...wrong, interruptId: asked.id.replace(/\d+$/, '99') }]]) {
      const { finished } = await stranger.run({ resume });
      expect(finished).toMatchObject({ type: 'RUN_ERROR', code: 'thread_not_interrupted' });
    }
    const elsewhere = new Client(newThread());
    expect((await elsewhere.run({ resume: [wrong] })).finished).toMatchObject({ code: 'thread_not_interrupted' });
    expect(upstream.events).toEqual([]);
    expect(await ask(site.client.url, 'GET', `/agent-protocol/runs/${asked.id.split('.')[0]}`)).toMatchObject({
      body: { status: 'interrupted' },
    });
  });

  test('a message to a thread that waits for an answer is refused with the question, and starts nothing', async () => {
    const { client, asked } = await interrupted();
    const starts = restack.count('start');
    const reloaded = new Client(client.agent.threadId).say('Hello?');
    const { finished } = await reloaded.run();
    expect(finished).toMatchObject({
      type: 'RUN_ERROR',
      code: 'interrupt_pending',
      metadata: { rungate: { interrupts: [{ id: asked.id }] } },
    });
    expect(restack.count('start')).toBe(starts);
  });

  test('two answers at the same time reach the vendor as one', async () => {
    const { client, upstream, asked } = await interrupted();
    const resume = [{ interruptId: asked.id, status: 'resolved' as const, payload: { approved: true } }];
    const both = [new Client(client.agent.threadId), new Client(client.agent.threadId)].map((each) =>
      each.run({ resume }),
    );
    await upstream.gotEvent();
    complete(upstream, { reply: 'Once.' });
    for (const { result } of await Promise.all(both)) expect(result).toEqual({ reply: 'Once.' });
    expect(upstream.events).toHaveLength(1);
  });
});

describe('a client that leaves', () => {
  test('a client that aborts cancels its run', async () => {
    const client = new Client(newThread()).say('Never mind');
    const running = client.run();
    await restack.nextRun();
    await vi.waitFor(() => expect(client.kinds()).toContain('CUSTOM'));
    client.agent.abortRun();
    await running;
    await vi.waitFor(async () => expect(await client.shown()).toMatchObject({ status: 'error' }));
  });

  test('a client that was cut off finds its run again by the run id, and its message is completed', async () => {
    const client = new Client(newThread(), urlOf('support', '?on_disconnect=continue')).say('Go on without me');
    const running = client.run({ runId: 'cut' });
    const upstream = await restack.nextRun();
    upstream.say({ status: 'running', output: { reply: 'Half of' } });
    await vi.waitFor(() => expect(client.agent.messages.at(-1)?.content).toBe('Half of'));
    client.agent.abortRun();
    await running;
    upstream.say({ status: 'running', output: { reply: 'Half of the' } });
    await upstream.polled(2);
    complete(upstream, { reply: 'Half of the answer' });
    const { result } = await client.run({ runId: 'cut' });
    expect(result).toEqual({ reply: 'Half of the answer' });
    expect(client.agent.messages.map(({ content }) => content)).toEqual(['Go on without me', 'Half of the answer']);
    expect(restack.runs.filter(({ asked }) => JSON.stringify(asked.body).includes('Go on without me'))).toHaveLength(1);
  });

  test('a client says in its request that the run goes on without it', async () => {
    const client = new Client(newThread()).say('Go on');
    const running = client.run({ forwardedProps: { rungate: { on_disconnect: 'continue' } } });
    const upstream = await restack.nextRun();
    await vi.waitFor(() => expect(client.kinds()).toContain('CUSTOM'));
    client.agent.abortRun();
    await running;
    await upstream.polled(2);
    expect(await client.shown()).toMatchObject({ status: 'pending' });
    complete(upstream, { reply: 'Done.' });
  });
});

describe('a request', () => {
  test('what the client gives goes to an agent whose input has a place for it', async () => {
    const client = new Client(newThread(), urlOf('tooled')).say('Use them');
    const tools = [{ name: 'find', description: 'Finds', parameters: {} }];
    const context = [{ description: 'where', value: 'here' }];
    client.agent.setState({ page: 3 });
    const running = client.run({ tools, context });
    const upstream = await restack.nextRun();
    complete(upstream, { reply: 'ok' });
    await running;
    expect(upstream.asked.body).toMatchObject({
      input: { tools, context, state: { page: 3 }, messages: [{ role: 'user', content: 'Use them' }] },
    });
  });

  test('an input, a config and metadata of the application are those of the run', async () => {
    const client = new Client(newThread());
    const rungate = { input: { message: 'typed' }, metadata: { team: 'a' } };
    const running = client.run({ forwardedProps: { rungate } });
    const upstream = await restack.nextRun();
    expect(upstream.asked.body).toMatchObject({ input: { message: 'typed' } });
    complete(upstream, { reply: 'ok' });
    await running;
    expect(await client.shown()).toMatchObject({ metadata: { team: 'a' } });
  });

  test('a run id that was used for another message is refused, and so are parts that the agent does not take', async () => {
    const client = new Client(newThread()).say('One');
    const running = client.run({ runId: 'same' });
    complete(await restack.nextRun(), { reply: 'ok' });
    await running;
    const starts = restack.count('start');
    const code = async (asked: Client, parameters: RunAgentParameters = {}) => {
      const { finished } = await asked.run(parameters);
      expect(finished.type).toBe('RUN_ERROR');
      return finished.code;
    };
    expect(await code(client.say('Two'), { runId: 'same' })).toBe('idempotency_mismatch');
    const picture = new Client(newThread());
    const source = { type: 'url' as const, value: 'https://pictures.test/1.png' };
    picture.agent.addMessage({ id: 'p', role: 'user', content: [{ type: 'image', source }] });
    expect(await code(picture)).toBe('invalid_request');
    expect(await code(new Client(newThread()))).toBe('invalid_request');
    const input = { message: 7 };
    expect(await code(new Client(newThread()).say('Hi'), { forwardedProps: { rungate: { input } } })).toBe(
      'invalid_input',
    );
    expect(restack.count('start')).toBe(starts);
    await expect(new Client(newThread(), urlOf('nobody')).say('Hi').run()).rejects.toMatchObject({
      status: 404,
      payload: { type: 'RUN_ERROR', code: 'agent_not_found' },
    });
  });

  test('the capabilities of an agent are those of the protocol', async () => {
    const { body, status } = await ask(site.client.url, 'GET', '/ag-ui/support/capabilities');
    expect(status).toBe(200);
    expect(AgentCapabilitiesSchema.parse(body)).toMatchObject({
      identity: { name: 'support' },
      humanInTheLoop: { supported: true, interrupts: true },
      tools: { clientProvided: false },
    });
    expect((await ask(site.client.url, 'GET', '/ag-ui/tooled/capabilities')).body).toMatchObject({
      tools: { clientProvided: true },
    });
  });

  test('a reader goes on after the last event that it has', async () => {
    const body = {
      ...{ threadId: newThread(), runId: 'raw', tools: [], context: [], state: {}, forwardedProps: {} },
      messages: [{ id: 'm', role: 'user', content: 'Read' }],
    };
    const read = async (after?: string): Promise<string> => {
      const headers = {
        'content-type': 'application/json',
        ...(after === undefined ? {} : { 'last-event-id': after }),
      };
      const answer = await fetch(urlOf('support'), { method: 'POST', headers, body: JSON.stringify(body) });
      expect(answer.headers.get('content-type')).toBe('text/event-stream');
      return await answer.text();
    };
    const first = read();
    complete(await restack.nextRun(), { reply: 'All of it' });
    const whole = await first;
    const ids = [...whole.matchAll(/^id: (.+)$/gm)].map(([, id]) => `${id}`);
    expect(ids.length).toBeGreaterThan(5);
    for (const id of ids) {
      const [, rest = ''] = whole.split(`id: ${id}\n`);
      expect(await read(id)).toBe(rest.slice(rest.indexOf('\n\n') + 2));
    }
    expect(await read('-1')).toBe(whole.replace('"replayed":false', '"replayed":true'));
    const refused = await ask(site.client.url, 'POST', '/ag-ui/support', body, { 'last-event-id': '7' });
    expect(refused).toMatchObject({ status: 422, body: { type: 'RUN_ERROR', code: 'invalid_request' } });
  });
});
