import OpenAI from 'openai';
import type { ConversationItem } from 'openai/resources/conversations/items';
import type { Response, ResponseFunctionToolCall } from 'openai/resources/responses/responses';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { ask, stringIn } from '../gateway/protocols.ts';
import { complete, eventsOf, lastNumber, messageTypes, OpenAiSite, question, typesOf } from './openai-site.ts';

vi.setConfig({ testTimeout: 60_000 });

let own: OpenAiSite;

beforeAll(async () => {
  own = await OpenAiSite.open();
});
afterAll(async () => {
  await own[Symbol.asyncDispose]();
});
beforeEach(() => own.keepRunning());

/** A response that has ended with a question. */
async function asked(): Promise<{ readonly response: Response; readonly call: ResponseFunctionToolCall }> {
  own.keepRunning({ interrupt: question });
  const response = await own.client.responses.create({ model: 'support', input: 'Refund me.' });
  const [call] = response.output;
  if (call?.type !== 'function_call') throw new Error(`no call: ${JSON.stringify(response.output)}`);
  return { response, call };
}

function outputOf({ call_id }: ResponseFunctionToolCall, output: string) {
  return { type: 'function_call_output', call_id, output } as const;
}

describe('questions to the SDK of OpenAI', () => {
  test('a question is a call of resume, whose output resumes the run and begins another response', async () => {
    const { response, call } = await asked();
    expect(response.status).toBe('completed');
    expect(call).toMatchObject({ name: 'resume', status: 'completed' });
    expect(JSON.parse(call.arguments)).toEqual(question);
    const upstream = await own.runOf('Refund me.');
    const answering = own.client.responses.create({
      previous_response_id: response.id,
      input: [outputOf(call, '{"approved":true}')],
      tools: [{ type: 'function', name: 'resume', parameters: {}, strict: false }],
    });
    expect((await upstream.gotEvent()).body).toMatchObject({ eventInput: { approved: true } });
    complete(upstream, { reply: 'Refunded.' });
    const answer = await answering;
    expect(answer).toMatchObject({ status: 'completed', output_text: 'Refunded.' });
    expect(answer.id).toMatch(new RegExp(`^${response.id}_\\d+$`));
    // The first response stays as it was, to those who read it and to those who stream it.
    expect(await own.client.responses.retrieve(response.id)).toEqual({ ...response, metadata: expect.anything() });
    const before = await eventsOf(await own.client.responses.retrieve(response.id, { stream: true }));
    expect(typesOf(before)).toEqual([
      ...['created', 'in_progress', 'output_item.added', 'function_call_arguments.delta'],
      ...['function_call_arguments.done', 'output_item.done', 'completed'],
    ]);
    const after = await eventsOf(await own.client.responses.retrieve(answer.id, { stream: true }));
    expect(typesOf(after)).toEqual(['created', 'in_progress', ...messageTypes]);
    expect(after.at(-1)).toMatchObject({ response: { id: answer.id, output: answer.output } });
    const { data: given } = await own.client.responses.inputItems.list(answer.id);
    expect(given).toEqual([
      {
        id: expect.stringMatching(/^fco_/),
        ...{ type: 'function_call_output', status: 'completed' },
        ...{ call_id: call.call_id, output: '{"approved":true}' },
      },
    ]);
    // A conversation goes on after it.
    own.answerWith({ reply: 'You are welcome.' });
    const thanks = await own.client.responses.create({ input: 'Thanks.', previous_response_id: answer.id });
    expect(thanks.output_text).toBe('You are welcome.');

    // The conversation has all of it, page by page, in either order.
    const run = await ask(own.site.client.url, 'GET', `/acp/v0.2/runs/${response.id.replace('resp_', '')}`);
    const conversation = `conv_${stringIn(run.body, 'thread_id')}`;
    const read = async (order: 'asc' | 'desc') => {
      const items: ConversationItem[] = [];
      const query = { limit: 2, order } as const;
      for await (const item of own.client.conversations.items.list(conversation, query)) items.push(item);
      return items;
    };
    const items = await read('asc');
    expect(items.map(({ type }) => type)).toEqual([
      ...['message', 'function_call', 'function_call_output', 'message'],
      ...['message', 'message'],
    ]);
    expect(items.slice(1, 4)).toEqual([...response.output, ...given, ...answer.output]);
    expect((await read('desc')).toReversed()).toEqual(items);
    const [first] = items;
    const { id = '' } = first as { readonly id?: string };
    const found = await own.client.conversations.items.retrieve(id, { conversation_id: conversation });
    expect(found).toEqual(first);
    const elsewhere = await own.client.conversations.create({ metadata: { team: 'a' } });
    expect((await own.client.conversations.items.list(elsewhere.id)).data).toEqual([]);
    const foreign = own.client.conversations.items.retrieve(id, { conversation_id: elsewhere.id });
    await expect(foreign).rejects.toMatchObject({ status: 404, code: 'item_not_found' });
    const renamed = await own.client.conversations.update(elsewhere.id, { metadata: { topic: 'refunds' } });
    expect(renamed.metadata).toEqual({ team: 'a', topic: 'refunds' });
    const added = own.client.conversations.items.create(elsewhere.id, { items: [{ role: 'user', content: 'x' }] });
    await expect(added).rejects.toThrow('an agent hears what is said in a response');
  });

  test('a creation that is repeated with its Idempotency-Key gives the question, although it was answered since', async () => {
    own.keepRunning({ interrupt: question });
    const create = () =>
      own.client.responses.create(
        { model: 'support', input: 'Refund once.' },
        { headers: { 'Idempotency-Key': 'refund-1' } },
      );
    const { id, output } = await create();
    const [call] = output;
    if (call?.type !== 'function_call') throw new Error('no call');
    const answering = own.client.responses.create({ input: [outputOf(call, '{"approved":true}')] });
    const upstream = await own.runOf('Refund once.');
    await upstream.gotEvent();
    complete(upstream, { reply: 'Refunded.' });
    expect((await answering).output_text).toBe('Refunded.');
    expect(await create()).toMatchObject({ id, status: 'completed', output });
  });

  test('an answer is streamed, with no previous response named', async () => {
    const { call } = await asked();
    const upstream = await own.runOf('Refund me.');
    const stream = own.client.responses.stream({ input: [outputOf(call, '{"approved":false}')] });
    await upstream.gotEvent();
    complete(upstream, { reply: 'Then not.' });
    expect(await stream.finalResponse()).toMatchObject({ output_text: 'Then not.' });
  });

  test('an answer that does not fit, is another one than the first or belongs to another response is refused', async () => {
    const { response, call } = await asked();
    const upstream = await own.runOf('Refund me.');
    const answer = (output: string, more: object = {}) =>
      own.client.responses.create({ input: [outputOf(call, output)], ...more });
    await expect(answer('{"approved":"yes"}')).rejects.toMatchObject({ status: 400, code: 'invalid_input' });
    await expect(answer('{"approved":true}', { model: 'messenger' })).rejects.toMatchObject({ param: 'model' });
    const foreign = { previous_response_id: response.id.replace(/.$/, (last) => (last === '0' ? '1' : '0')) };
    await expect(answer('{"approved":true}', foreign)).rejects.toMatchObject({ param: 'previous_response_id' });
    const ignoring = own.client.responses.create({ input: 'Hello?', previous_response_id: response.id });
    await expect(ignoring).rejects.toThrow('send a function_call_output');
    const unknown = { ...call, call_id: 'call_1' };
    await expect(own.client.responses.create({ input: [outputOf(unknown, '{}')] })).rejects.toThrow('no function call');
    expect(upstream.events).toEqual([]);
    const answered = answer('{"approved":true}');
    await upstream.gotEvent();
    complete(upstream, { reply: 'Refunded.' });
    const taken = await answered;
    // The SDK repeats a request whose answer it did not get: that is the same answer.
    expect(await answer('{ "approved": true }')).toEqual(taken);
    const other = answer('{"approved":false}');
    await expect(other).rejects.toMatchObject({ status: 400, code: 'unfit_request' });
    await expect(other).rejects.toThrow('answered before, with something else');
    expect(upstream.events).toHaveLength(1);
  });
});

describe('refusals to the SDK of OpenAI', () => {
  type Params = Parameters<OpenAI['responses']['create']>[0];
  const create = (params: JsonObject) =>
    own.client.responses.create({ model: 'support', ...params } as Params) as Promise<Response>;
  test.each<readonly [JsonObject, string, string]>([
    [{}, 'invalid_request', 'input'],
    [{ input: 'x', prompt: { id: 'p' } }, 'invalid_request', 'prompt'],
    [{ input: 'x', tools: [{ type: 'web_search' }] }, 'invalid_request', 'tools/0/type'],
    [{ input: 'x', text: { format: { type: 'json_object' } } }, 'invalid_request', 'text/format/type'],
    [{ input: 'x', metadata: { a: 1 } }, 'invalid_request', 'metadata/a'],
    [{ input: 'x', conversation: 'mine' }, 'invalid_request', 'conversation'],
    [{ input: 'x', instructions: 'Be brief.' }, 'unfit_request', 'instructions'],
    [
      {
        input: [
          { role: 'developer', content: 'y' },
          { role: 'user', content: 'x' },
        ],
      },
      'unfit_request',
      'input/0',
    ],
    [{ input: [{ role: 'assistant', content: 'x' }] }, 'unfit_request', 'input'],
    [{ input: 'x', background: true, store: false }, 'unfit_request', 'store'],
    [{ input: 'x', model: null }, 'missing_required_parameter', 'model'],
  ])('the request %j is refused as a BadRequestError', async (params, code, param) => {
    const starts = own.restack.count('start');
    const refusal = await create(params).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(OpenAI.BadRequestError);
    expect(refusal).toMatchObject({ status: 400, code, type: 'invalid_request_error' });
    expect(String((refusal as { param?: unknown }).param)).toContain(param);
    expect(own.restack.count('start')).toBe(starts);
  });

  test('an image among the blocks of a message is refused, and says why', async () => {
    const content = [{ type: 'input_image', image_url: 'https://shop.test/1.png' }];
    await expect(create({ input: [{ role: 'user', content }] })).rejects.toThrow('input');
  });

  test('what is not there is a NotFoundError', async () => {
    const id = crypto.randomUUID();
    await expect(create({ model: 'nobody', input: 'x' })).rejects.toMatchObject({ code: 'model_not_found' });
    await expect(own.client.models.retrieve('nobody')).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    for (const gone of [`resp_${id}`, `resp_${id}_3`])
      await expect(own.client.responses.retrieve(gone)).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    await expect(own.client.responses.cancel(`resp_${id}`)).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    await expect(create({ input: 'x', previous_response_id: `resp_${id}` })).rejects.toBeInstanceOf(
      OpenAI.NotFoundError,
    );
  });

  test('a part of a run that there is not is a NotFoundError, and a number of another response is refused', async () => {
    own.answerWith({ reply: 'Hi.' });
    const { id } = await create({ input: 'x' });
    await expect(own.client.responses.retrieve(`${id}_1`)).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    for (const starting_after of [1, 999_000_000_000]) {
      const stream = own.client.responses.retrieve(id, { stream: true, starting_after });
      await expect(stream).rejects.toMatchObject({ status: 400, param: 'starting_after' });
    }
    const whole = await eventsOf(await own.client.responses.retrieve(id, { stream: true, starting_after: 0 }));
    expect(typesOf(whole).slice(0, 1)).toEqual(['created']);
    const nothing = { stream: true, starting_after: lastNumber(whole) } as const;
    expect(await eventsOf(await own.client.responses.retrieve(id, nothing))).toEqual([]);
  });
});
