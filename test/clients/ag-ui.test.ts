import type { RunAgentParameters } from '@ag-ui/client';
import { AgentCapabilitiesSchema } from '@ag-ui/core/schemas';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { ask } from '../gateway/protocols.ts';
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

describe('the client of AG-UI', () => {
  test('a run of the client gives the reply as a message and the output as its result', async () => {
    const client = own.client().say('Where is my order?');
    const running = client.run();
    const upstream = await own.restack.nextRun();
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
    const client = own.client().say('Tell me.');
    const running = client.run();
    const upstream = await own.restack.nextRun();
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
    const client = own.client().say('One');
    let running = client.run();
    complete(await own.restack.nextRun(), { reply: 'first' });
    await running;
    const { thread_id: before } = await client.shown();
    running = client.say('Two').run();
    const upstream = await own.restack.nextRun();
    complete(upstream, { reply: 'second' });
    await running;
    expect(upstream.asked.body).toMatchObject({ input: { message: 'Two' } });
    expect((await client.shown()).thread_id).toBe(before);
    expect(client.agent.messages.map(({ content }) => content)).toEqual(['One', 'first', 'Two', 'second']);
  });

  test('a run that fails is an error of the protocol with the errcode of the run', async () => {
    const client = own.client().say('Fail');
    const running = client.run();
    (await own.restack.nextRun()).say({ status: 'failed', error: 'the page did not load' });
    const { finished, result } = await running;
    expect(finished).toMatchObject({ type: 'RUN_ERROR', message: expect.stringContaining('the page did not load') });
    expect(finished.code).toMatch(/^\d{4}$/);
    expect(result).toBeUndefined();
  });
});

describe('a client that leaves', () => {
  test('a client that aborts cancels its run', async () => {
    const client = own.client().say('Never mind');
    const running = client.run();
    await own.restack.nextRun();
    await vi.waitFor(() => expect(client.kinds()).toContain('CUSTOM'));
    client.agent.abortRun();
    await running;
    await vi.waitFor(async () => expect(await client.shown()).toMatchObject({ status: 'error' }));
  });

  test('a client that was cut off finds its run again by the run id, and its message is completed', async () => {
    const client = own.client(own.newThread(), own.urlOf('support', '?on_disconnect=continue')).say('Go on without me');
    const running = client.run({ runId: 'cut' });
    const upstream = await own.restack.nextRun();
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
    expect(
      own.restack.runs.filter(({ asked }) => JSON.stringify(asked.body).includes('Go on without me')),
    ).toHaveLength(1);
  });

  test('a client says in its request that the run goes on without it', async () => {
    const client = own.client().say('Go on');
    const running = client.run({ forwardedProps: { rungate: { on_disconnect: 'continue' } } });
    const upstream = await own.restack.nextRun();
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
    const client = own.client(own.newThread(), own.urlOf('tooled')).say('Use them');
    const tools = [{ name: 'find', description: 'Finds', parameters: {} }];
    const context = [{ description: 'where', value: 'here' }];
    client.agent.setState({ page: 3 });
    const running = client.run({ tools, context });
    const upstream = await own.restack.nextRun();
    complete(upstream, { reply: 'ok' });
    await running;
    expect(upstream.asked.body).toMatchObject({
      input: { tools, context, state: { page: 3 }, messages: [{ role: 'user', content: 'Use them' }] },
    });
  });

  test('an input, a config and metadata of the application are those of the run', async () => {
    const client = own.client();
    const rungate = { input: { message: 'typed' }, metadata: { team: 'a' } };
    const running = client.run({ forwardedProps: { rungate } });
    const upstream = await own.restack.nextRun();
    expect(upstream.asked.body).toMatchObject({ input: { message: 'typed' } });
    complete(upstream, { reply: 'ok' });
    await running;
    expect(await client.shown()).toMatchObject({ metadata: { team: 'a' } });
  });

  test('a run id that was used for another message is refused, and so are parts that the agent does not take', async () => {
    const client = own.client().say('One');
    const running = client.run({ runId: 'same' });
    complete(await own.restack.nextRun(), { reply: 'ok' });
    await running;
    const starts = own.restack.count('start');
    const code = async (asked: AgUiClient, parameters: RunAgentParameters = {}) => {
      const { finished } = await asked.run(parameters);
      expect(finished.type).toBe('RUN_ERROR');
      return finished.code;
    };
    expect(await code(client.say('Two'), { runId: 'same' })).toBe('idempotency_mismatch');
    const picture = own.client();
    const source = { type: 'url' as const, value: 'https://pictures.test/1.png' };
    picture.agent.addMessage({ id: 'p', role: 'user', content: [{ type: 'image', source }] });
    expect(await code(picture)).toBe('invalid_request');
    expect(await code(own.client())).toBe('invalid_request');
    const input = { message: 7 };
    expect(await code(own.client().say('Hi'), { forwardedProps: { rungate: { input } } })).toBe('invalid_input');
    expect(own.restack.count('start')).toBe(starts);
    await expect(own.client(own.newThread(), own.urlOf('nobody')).say('Hi').run()).rejects.toMatchObject({
      status: 404,
      payload: { type: 'RUN_ERROR', code: 'agent_not_found' },
    });
  });

  test('the capabilities of an agent are those of the protocol', async () => {
    const { body, status } = await ask(own.site.client.url, 'GET', '/ag-ui/support/capabilities');
    expect(status).toBe(200);
    expect(AgentCapabilitiesSchema.parse(body)).toMatchObject({
      identity: { name: 'support' },
      humanInTheLoop: { supported: true, interrupts: true },
      tools: { clientProvided: false },
    });
    expect((await ask(own.site.client.url, 'GET', '/ag-ui/tooled/capabilities')).body).toMatchObject({
      tools: { clientProvided: true },
    });
  });

  test('a reader goes on after the last event that it has', async () => {
    const body = {
      ...{ threadId: own.newThread(), runId: 'raw', tools: [], context: [], state: {}, forwardedProps: {} },
      messages: [{ id: 'm', role: 'user', content: 'Read' }],
    };
    const read = async (after?: string): Promise<string> => {
      const headers = {
        'content-type': 'application/json',
        ...(after === undefined ? {} : { 'last-event-id': after }),
      };
      const answer = await fetch(own.urlOf('support'), { method: 'POST', headers, body: JSON.stringify(body) });
      expect(answer.headers.get('content-type')).toBe('text/event-stream');
      return await answer.text();
    };
    const first = read();
    complete(await own.restack.nextRun(), { reply: 'All of it' });
    const whole = await first;
    const ids = [...whole.matchAll(/^id: (.+)$/gm)].map(([, id]) => `${id}`);
    expect(ids.length).toBeGreaterThan(5);
    for (const id of ids) {
      const [, rest = ''] = whole.split(`id: ${id}\n`);
      expect(await read(id)).toBe(rest.slice(rest.indexOf('\n\n') + 2));
    }
    expect(await read('-1')).toBe(whole.replace('"replayed":false', '"replayed":true'));
    const refused = await ask(own.site.client.url, 'POST', '/ag-ui/support', body, { 'last-event-id': '7' });
    expect(refused).toMatchObject({ status: 422, body: { type: 'RUN_ERROR', code: 'invalid_request' } });
  });
});
