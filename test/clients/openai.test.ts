import OpenAI from 'openai';
import type { ResponseStreamEvent } from 'openai/resources/responses/responses';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { ask } from '../gateway/protocols.ts';
import { complete, eventsOf, lastNumber, messageTypes, OpenAiSite, textOf, typesOf } from './openai-site.ts';

vi.setConfig({ testTimeout: 60_000 });

let own: OpenAiSite;

beforeAll(async () => {
  own = await OpenAiSite.open();
});
afterAll(async () => {
  await own[Symbol.asyncDispose]();
});
beforeEach(() => own.keepRunning());

describe('the SDK of OpenAI', () => {
  test('models are the agents of the config', async () => {
    expect((await own.client.models.list()).data).toEqual([
      { id: 'support', object: 'model', created: 0, owned_by: 'rungate' },
      { id: 'messenger', object: 'model', created: 0, owned_by: 'rungate' },
    ]);
    expect(await own.client.models.retrieve('support')).toMatchObject({ id: 'support' });
  });

  test('a response is created with a text, waited for, read again and deleted', async () => {
    const creating = own.client.responses.create({
      model: 'support',
      input: 'Where is my order?',
      metadata: { a: 'b' },
    });
    const upstream = await own.runOf('Where is my order?');
    expect(upstream.asked.body).toMatchObject({ input: { message: 'Where is my order?' } });
    complete(upstream, { reply: 'On its way.', parcel: 7 });
    const response = await creating;
    expect(response).toMatchObject({
      ...{ object: 'response', status: 'completed', model: 'support', output_text: 'On its way.', usage: null },
      ...{ metadata: { a: 'b', 'rungate.vendor': expect.any(String) }, previous_response_id: null, error: null },
    });
    expect(await own.client.responses.retrieve(response.id)).toEqual(response);
    const run = await ask(own.site.client.url, 'GET', `/acp/v0.2/runs/${response.id.replace('resp_', '')}`);
    expect(run).toMatchObject({ body: { status: 'success' } });
    expect((await own.client.responses.inputItems.list(response.id)).data).toMatchObject([
      { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Where is my order?' }] },
    ]);
    await own.client.responses.delete(response.id);
    await expect(own.client.responses.retrieve(response.id)).rejects.toBeInstanceOf(OpenAI.NotFoundError);
  });

  test('a run that another protocol made is a response too', async () => {
    own.answerWith({ reply: 'Hello.' });
    const { run_id: runId } = await own.site.client.create({ agent_id: 'support', input: { message: 'hi' } });
    const isOver = async () => expect((await own.client.responses.retrieve(runId)).status).toBe('completed');
    await vi.waitFor(isOver, { timeout: 20_000 });
    expect(await own.client.responses.retrieve(runId)).toMatchObject({ id: `resp_${runId}`, output_text: 'Hello.' });
    const listed = await own.client.responses.inputItems.list(`resp_${runId}`);
    expect(listed.data).toMatchObject([{ content: [{ text: '{"message":"hi"}' }] }]);
  });

  test('messages reach an agent that takes them, instructions first', async () => {
    own.answerWith({ messages: [{ role: 'assistant', content: 'Ada.' }] });
    const response = await own.client.responses.create({
      model: 'messenger',
      instructions: 'Be brief.',
      input: [
        { role: 'user', content: 'My name is Ada.' },
        { role: 'assistant', content: 'Hello Ada.' },
        { role: 'user', content: [{ type: 'input_text', text: 'What is my name?' }] },
      ],
    });
    expect(response).toMatchObject({ output_text: 'Ada.', instructions: 'Be brief.' });
    const { inputItems } = own.client.responses;
    const listed = await inputItems.list(response.id, { order: 'asc' });
    expect(listed.data).toMatchObject(['system', 'user', 'assistant', 'user'].map((role) => ({ role })));
    const paged: unknown[] = [];
    for await (const item of inputItems.list(response.id, { limit: 1, include: ['reasoning.encrypted_content'] }))
      paged.push(item);
    expect(paged).toEqual(listed.data.toReversed());
    const behind = inputItems.list(response.id, { after: 'msg_1' });
    await expect(behind).rejects.toMatchObject({ status: 400, param: 'after' });
    expect(own.restack.runs.at(-1)?.asked.body).toMatchObject({
      input: {
        messages: [
          { role: 'system', content: 'Be brief.' },
          { role: 'user', content: 'My name is Ada.' },
          { role: 'assistant', content: 'Hello Ada.' },
          { role: 'user', content: 'What is my name?' },
        ],
      },
    });
  });

  test('a stream gives the text as it grows, and its helper the whole response', async () => {
    const stream = own.client.responses.stream({ model: 'support', input: 'Tell me all.' });
    const seen: ResponseStreamEvent[] = [];
    stream.on('event', (event) => seen.push(event));
    const final = stream.finalResponse();
    const upstream = await own.runOf('Tell me all.');
    upstream.say({ status: 'running', output: { reply: 'Once upon' } });
    await vi.waitFor(() => expect(textOf(seen)).toBe('Once upon'));
    upstream.say({ status: 'running', output: { reply: 'Once upon a time' } });
    await vi.waitFor(() => expect(textOf(seen)).toBe('Once upon a time'));
    complete(upstream, { reply: 'Once upon a time.' });
    const response = await final;
    expect(response).toMatchObject({ status: 'completed', output_text: 'Once upon a time.' });
    const [added, part, delta, ...ends] = messageTypes;
    expect(typesOf(seen)).toEqual(['created', 'in_progress', added, part, delta, delta, delta, ...ends]);
    const numbers = seen.map(({ sequence_number: number }) => number);
    expect(numbers).toEqual([...new Set(numbers)].toSorted((a, b) => a - b));
    expect(response).toMatchObject({ output: (await own.client.responses.retrieve(response.id)).output });
    // A late reader gets what is left of the partial outputs, under the numbers that the first one saw.
    const late = await eventsOf(await own.client.responses.retrieve(response.id, { stream: true }));
    expect(textOf(late)).toBe('Once upon a time.');
    const isNoDelta = (type: string) => type !== delta;
    expect(typesOf(late).filter(isNoDelta)).toEqual(['created', 'in_progress', added, part, ...ends]);
    expect(numbers.slice(-4)).toEqual(late.slice(-4).map(({ sequence_number: number }) => number));
  });

  test('a response in the background is answered at once, and its stream goes on where a reader left', async () => {
    const { id, status } = await own.client.responses.create({ model: 'support', input: 'Tell me.', background: true });
    expect(status).toBe('queued');
    const upstream = await own.runOf('Tell me.');
    upstream.say({ status: 'running', output: { reply: 'Once' } });
    const seen: ResponseStreamEvent[] = [];
    for await (const event of await own.client.responses.retrieve(id, { stream: true })) {
      seen.push(event);
      if (textOf(seen) === 'Once') break;
    }
    expect(typesOf(seen)).toEqual(['created', 'queued', 'in_progress', ...messageTypes.slice(0, 3)]);
    upstream.say({ status: 'running', output: { reply: 'Once upon' } });
    await vi.waitFor(async () => expect(await partialOf(id)).toBe('Once upon'));
    complete(upstream, { reply: 'Once upon a time' });
    const rest = await eventsOf(
      await own.client.responses.retrieve(id, { stream: true, starting_after: lastNumber(seen) }),
    );
    // The partial output that the reader had is gone, and nothing of its text comes again.
    expect(textOf(seen) + textOf(rest)).toBe('Once upon a time');
    expect(typesOf(rest).filter((type) => type !== 'output_text.delta')).toEqual(messageTypes.slice(3));
    for (const [at, { sequence_number: number }] of rest.entries()) {
      const further = await own.client.responses.retrieve(id, { stream: true, starting_after: number });
      expect(typesOf(await eventsOf(further))).toEqual(typesOf(rest.slice(at + 1)));
    }
  });

  test('a response in the background is cancelled, and one that is not is cancelled by its client leaving', async () => {
    const { id } = await own.client.responses.create({ model: 'support', input: 'Stop me.', background: true });
    await own.runOf('Stop me.');
    expect(await own.client.responses.cancel(id)).toMatchObject({ id, status: 'cancelled' });
    expect(await own.client.responses.cancel(id)).toMatchObject({ id, status: 'cancelled' });
    const events = await eventsOf(await own.client.responses.retrieve(id, { stream: true }));
    expect(events.at(-1)).toMatchObject({ type: 'response.failed', response: { status: 'cancelled' } });

    const stream = await own.client.responses.create({ model: 'support', input: 'Leave me.', stream: true });
    let left = '';
    for await (const event of stream) {
      if (event.type !== 'response.created') continue;
      left = event.response.id;
      await expect(own.client.responses.cancel(left)).rejects.toMatchObject({ status: 400, code: 'unfit_request' });
      break;
    }
    await vi.waitFor(async () => expect((await own.client.responses.retrieve(left)).status).toBe('cancelled'));

    const waiting = new AbortController();
    const starts = own.restack.count('start');
    const aborted = own.client.responses.create({ model: 'support', input: 'Wait.' }, { signal: waiting.signal });
    await vi.waitFor(() => expect(own.restack.count('start')).toBe(starts + 1));
    waiting.abort();
    await expect(aborted).rejects.toBeInstanceOf(OpenAI.APIUserAbortError);
  });

  test('a run that fails is a response that failed, with the errcode of the run', async () => {
    own.restack.plan = () => ({ status: 'failed', error: 'the page did not load' });
    const response = await own.client.responses.create({ model: 'support', input: 'Fail.' });
    const error = { code: 'server_error', message: 'the page did not load', errcode: 3000 };
    expect(response).toMatchObject({ status: 'failed', error, output: [] });
    const events = await eventsOf(
      await own.client.responses.create({ model: 'support', input: 'Fail.', stream: true }),
    );
    expect(events.at(-1)).toMatchObject({ type: 'response.failed', response: { status: 'failed', error } });
  });
});

/** The last partial output of a run, by another protocol. */
async function partialOf(responseId: string): Promise<Json | undefined> {
  const stream = await own.site.client.stream(responseId.replace('resp_', ''));
  const { data } = await stream.find(({ type }) => type === 'result');
  stream.leave();
  return (data.result as JsonObject).reply;
}

describe('conversations of the SDK of OpenAI', () => {
  test('a response goes on in the thread of the one before, which must be the newest', async () => {
    own.answerWith({ reply: 'Hello Ada.' });
    const first = await own.client.responses.create({ model: 'support', input: 'My name is Ada.' });
    const second = await own.client.responses.create({ input: 'And now?', previous_response_id: first.id });
    expect(second).toMatchObject({ model: 'support', previous_response_id: first.id, status: 'completed' });
    const stale = own.client.responses.create({ input: 'Or this?', previous_response_id: first.id });
    await expect(stale).rejects.toMatchObject({ status: 400, param: 'previous_response_id' });
    const loose = await own.client.responses.create({ model: 'support', input: 'Hi.', store: false });
    expect(loose.conversation).toBeNull();
    const onward = own.client.responses.create({ input: 'Hi.', previous_response_id: loose.id });
    await expect(onward).rejects.toMatchObject({ status: 400, code: 'unfit_request' });
  });

  test('responses join a conversation, which has their messages', async () => {
    own.answerWith({ reply: 'Yes.' });
    const conversation = await own.client.conversations.create({ metadata: { customer: '7' } });
    const response = await own.client.responses.create({
      ...{ model: 'support', input: 'Are you there?', conversation: conversation.id },
    });
    expect(response.conversation).toEqual({ id: conversation.id });
    await own.client.responses.create({ model: 'support', input: 'Still?', conversation: { id: conversation.id } });
    const thread = await ask(own.site.client.url, 'GET', `/acp/v0.2/threads/${conversation.id.replace('conv_', '')}`);
    expect(thread.body).toMatchObject({
      metadata: { customer: '7' },
      messages: [{ content: 'Are you there?' }, { content: 'Yes.' }, { content: 'Still?' }, { content: 'Yes.' }],
    });
    expect(await own.client.conversations.retrieve(conversation.id)).toMatchObject({ metadata: { customer: '7' } });
    await own.client.conversations.delete(conversation.id);
    await expect(own.client.conversations.retrieve(conversation.id)).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    const gone = own.client.responses.create({ model: 'support', input: 'Hi.', conversation: conversation.id });
    await expect(gone).rejects.toBeInstanceOf(OpenAI.NotFoundError);
  });

  test('a conversation with a live run is refused, so that the SDK tries again', async () => {
    const { id: conversation } = await own.client.conversations.create({});
    const { id } = await own.client.responses.create({
      model: 'support',
      input: 'One.',
      conversation,
      background: true,
    });
    const second = own.client.responses.create({ model: 'support', input: 'Two.', conversation });
    await expect(second).rejects.toBeInstanceOf(OpenAI.ConflictError);
    await own.client.responses.cancel(id);
  });

  test('a run with an Idempotency-Key outlives its client, which gets its result when it comes again', async () => {
    const headers = { 'Idempotency-Key': 'order-18' };
    const create = (signal?: AbortSignal) =>
      own.client.responses.create({ model: 'support', input: 'Wait for me.' }, { headers, ...(signal && { signal }) });
    const cut = new AbortController();
    const aborted = create(cut.signal);
    const upstream = await own.runOf('Wait for me.');
    cut.abort();
    await expect(aborted).rejects.toBeInstanceOf(OpenAI.APIUserAbortError);
    const again = create();
    await upstream.polled(2);
    complete(upstream, { reply: 'Here you are.' });
    expect(await again).toMatchObject({ status: 'completed', output_text: 'Here you are.' });
  });

  test('a page may send the headers that the SDK sends', async () => {
    const sent: string[] = [];
    const client = new OpenAI({
      ...{ baseURL: `${own.site.client.url}/v1`, apiKey: 'none' },
      fetch: async (url, init) => {
        sent.push(...new Headers(init?.headers).keys());
        return await fetch(url, init);
      },
    });
    await client.models.list();
    const allowed = await own.allowedHeaders();
    const plain = ['accept', 'content-type', 'user-agent'];
    expect(sent.filter((name) => !plain.includes(name) && !allowed.includes(name))).toEqual([]);
    expect(sent).toContain('x-stainless-lang');
  });

  test('a creation that is repeated with its Idempotency-Key starts one run', async () => {
    own.answerWith({ reply: 'Once.' });
    const headers = { 'Idempotency-Key': 'order-17' };
    const starts = own.restack.count('start');
    const [one, other] = [
      await own.client.responses.create({ model: 'support', input: 'Pay.' }, { headers }),
      await own.client.responses.create({ model: 'support', input: 'Pay.' }, { headers }),
    ];
    expect(other).toEqual(one);
    expect(own.restack.count('start')).toBe(starts + 1);
    const changed = own.client.responses.create({ model: 'support', input: 'Pay twice.' }, { headers });
    await expect(changed).rejects.toMatchObject({ status: 400, code: 'idempotency_mismatch' });
  });
});
