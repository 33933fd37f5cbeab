import { describe, expect, test } from 'vitest';
import { getsMessages, toDelta, toInput, toPartialReply, toReply } from '../../src/agents/chat.ts';
import { contentText } from '../../src/agents/reply-text.ts';
import type { ChatRules } from '../../src/contract/domain/agent.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { createExpressionCompiler } from '../../src/mapping/expressions.ts';

type Rules = { readonly input?: string; readonly reply?: string };

function agentWith(input: JsonObject, rules?: Rules) {
  const schemas = { input, output: {}, config: {}, interrupts: [] };
  return { name: 'clerk', version: '1.2.0', schemas, ...(rules === undefined ? {} : { chat: compile(rules) }) };
}

function compile({ input, reply }: Rules): ChatRules {
  const compiler = createExpressionCompiler({ timeMs: 100 });
  return {
    ...(input === undefined ? {} : { input: compiler.compile(input, 'chat.input') }),
    ...(reply === undefined ? {} : { reply: compiler.compile(reply, 'chat.reply') }),
  };
}

const text = { type: 'string' };
const question = { type: 'object', required: ['question'], properties: { question: text } };
const said = { text: 'hello', messages: [{ role: 'user', content: 'hello' }] };

describe('the input that a text becomes', () => {
  test.each<readonly [string, JsonObject, Json]>([
    ['the one text that is required', question, { question: 'hello' }],
    ['the only text there is', { properties: { q: text, n: { type: 'integer' } } }, { q: 'hello' }],
    [
      'a required text, whatever texts are optional',
      { required: ['q'], properties: { tone: text, q: text } },
      { q: 'hello' },
    ],
    [
      'an optional text as Pydantic writes it',
      { properties: { q: { anyOf: [text, { type: 'null' }] } } },
      { q: 'hello' },
    ],
    ['a text that may be null', { properties: { q: { type: ['string', 'null'] } } }, { q: 'hello' }],
    ['a text behind references', { $ref: '#/$defs/A', $defs: { A: question } }, { question: 'hello' }],
    ['no choice of a few words', { properties: { tone: { ...text, enum: ['kind'] }, q: text } }, { q: 'hello' }],
    [
      'a text where the rest has defaults',
      { required: ['q', 'n'], properties: { q: text, n: { default: 1 } } },
      { q: 'hello' },
    ],
    ['messages', { properties: { messages: {}, a: text, b: text } }, { messages: said.messages }],
    [
      'messages and a required text',
      { required: ['messages', 'q'], properties: { messages: {}, q: text } },
      { messages: said.messages, q: 'hello' },
    ],
    ['a text alone', text, 'hello'],
  ])('a text becomes %s', async (_name, schema, input) => {
    expect(await toInput(agentWith(schema), said)).toEqual(input);
  });

  test('a text that is a JSON object is the input of an agent that takes no text', async () => {
    const object = ' {"n": 9007199254740993, "deep": [1]}';
    const input = await toInput(agentWith({ type: 'object' }), { ...said, text: object });
    expect(JSON.stringify(input)).toBe('{"n":9007199254740993,"deep":[1]}');
  });

  test('a text that is a JSON object stays a text where the agent takes one', async () => {
    expect(await toInput(agentWith(question), { ...said, text: '{"a":1}' })).toEqual({ question: '{"a":1}' });
  });

  test.each([
    { ...text, format: 'uri' },
    { ...text, pattern: '^[A-Z]+$' },
  ])('a text that is a JSON object is the input where the text property %j never takes one', async (url) => {
    const agent = agentWith({ required: ['url'], properties: { url } });
    expect(await toInput(agent, { ...said, text: '{"url":"A","seconds":3}' })).toEqual({ url: 'A', seconds: 3 });
    expect(await toInput(agent, said)).toEqual({ url: 'hello' });
  });

  test.each<readonly [string, JsonObject, string]>([
    ['no property', { type: 'object' }, 'names no property that takes a text, or several'],
    ['several texts', { properties: { a: text, b: text } }, 'or several'],
    [
      'more than a text',
      { required: ['q', 'n'], properties: { q: text, n: {} } },
      'its input requires n, which a text',
    ],
    ['two required texts', { required: ['a', 'b'], properties: { a: text, b: text } }, 'its input requires a, b'],
  ])('a text is refused for a schema with %s, in words that say what to configure', async (_name, schema, words) => {
    const refusal = await toInput(agentWith(schema), said).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'unfit_request', path: 'input' });
    expect(String(refusal)).toContain(words);
    expect(String(refusal)).toMatch(
      /for the agent clerk: .* write chat\.input .* such as chat: \{ input: "\{ '\w+': text \}" \}/,
    );
  });

  test.each(['[1]', '"x"', '{', '{"__proto__": 1}', `${'{"a":'.repeat(200)}1${'}'.repeat(200)}`])(
    'the text %s is no input of an agent that takes none',
    async (odd) => {
      await expect(toInput(agentWith({}), { ...said, text: odd })).rejects.toMatchObject({ code: 'unfit_request' });
    },
  );

  test('data is the input, and the text fills the place that it leaves', async () => {
    const data = { n: 1 };
    expect(await toInput(agentWith(question), { ...said, data })).toEqual({ n: 1, question: 'hello' });
    expect(await toInput(agentWith(question), { ...said, text: '', data })).toEqual({ n: 1 });
    expect(await toInput(agentWith(question), { ...said, data: { question: 'mine' } })).toEqual({ question: 'mine' });
    expect(await toInput(agentWith({}), { ...said, data })).toEqual({ n: 1 });
  });

  test('chat.input is used before every other rule, and sees text, messages, data and agent', async () => {
    const input = "{ 'a': text, 'b': messages[0].role, 'c': data.n, 'd': agent.name & ' ' & agent.version }";
    const made = await toInput(agentWith(question, { input }), { ...said, data: { n: 2 } });
    expect(made).toEqual({ a: 'hello', b: 'user', c: 2, d: 'clerk 1.2.0' });
  });

  test('messages reach an agent whose schema has them, or whose chat.input may use them', () => {
    expect(getsMessages(agentWith(question))).toBe(false);
    expect(getsMessages(agentWith({ properties: { messages: {} } }))).toBe(true);
    expect(getsMessages(agentWith(question, { input: "{ 'q': text }" }))).toBe(true);
    expect(getsMessages(agentWith(question, { reply: 'a' }))).toBe(false);
  });

  test('a chat.input that fails or has no value refuses the request and names itself', async () => {
    const failing = toInput(agentWith({}, { input: '$number(text)' }), said);
    await expect(failing).rejects.toThrow('input cannot be made: chat.input of the agent clerk failed: JSONata error');
    const silent = toInput(agentWith({}, { input: 'data.n' }), said);
    await expect(silent).rejects.toThrow('chat.input of the agent clerk has no value for this text');
  });

  test('a chat.input that never ends is ended by the budget of mappings', async () => {
    const endless = toInput(agentWith({}, { input: '($f := function($n) { 1 + $f($n + 1) }; $f(0))' }), said);
    await expect(endless).rejects.toThrow(/chat\.input of the agent clerk failed: it (ran longer|nests deeper)/);
  });
});

describe('the reply that an output holds', () => {
  const spoken = { role: 'assistant', content: 'a' };
  test.each<readonly [string, Json, string]>([
    ['a text', 'hi', 'hi'],
    ['its only text', { answer: 'hi', n: 1 }, 'hi'],
    ['the member reply before others', { text: 'b', reply: 'a' }, 'a'],
    ['the member response', { id: 'x', response: 'a' }, 'a'],
    ['the member text', { id: 'x', text: 'a' }, 'a'],
    ['the member message', { id: 'x', message: 'a' }, 'a'],
    ['the last message of the assistant', { messages: [{ ...spoken, content: 'b' }, spoken, { role: 'user' }] }, 'a'],
    [
      'a message in words of LangChain, whatever the status says',
      { status: 'ok', messages: [{ type: 'human' }, { type: 'ai', content: [{ type: 'text', text: 'a' }] }] },
      'a',
    ],
    ['a message before one that only calls a tool', { messages: [spoken, { ...spoken, content: '' }] }, 'a'],
    ['JSON of two texts', { a: 'x', b: 'y' }, '{"a":"x","b":"y"}'],
    ['JSON of no text', { approved: true }, '{"approved":true}'],
    ['JSON of a list', [1, 2], '[1,2]'],
    ['JSON of null', null, 'null'],
  ])('the reply is %s', async (_name, output, reply) => {
    expect(await toReply(agentWith({}), output)).toBe(reply);
  });

  test('chat.reply makes the text of the reply, and what is no text becomes JSON', async () => {
    const output = { answer: { text: 'hi', parts: [1] }, message: 'no' };
    expect(await toReply(agentWith({}, { reply: 'answer.text' }), output)).toBe('hi');
    expect(await toReply(agentWith({}, { reply: 'answer.parts' }), output)).toBe('[1]');
  });

  test('a chat.reply that fails or has no value leaves a result to the usual rule', async () => {
    expect(await toReply(agentWith({}, { reply: '$number(message)' }), { message: 'hi' })).toBe('hi');
    expect(await toReply(agentWith({}, { reply: 'answer.text' }), { message: 'hi' })).toBe('hi');
  });

  test('a partial output shows a reply only where it holds a text', async () => {
    expect(await toPartialReply(agentWith({}), { response: 'Hel' })).toBe('Hel');
    expect(await toPartialReply(agentWith({}), { progress: 0.5 })).toBeNull();
    const ruled = agentWith({}, { reply: 'answer.text' });
    expect(await toPartialReply(ruled, { answer: { text: 'Hel' } })).toBe('Hel');
    expect(await toPartialReply(ruled, { status: 'loading' })).toBeNull();
    expect(await toPartialReply(ruled, { answer: { text: 1 } })).toBeNull();
  });
});

describe('the texts of contents and their growth', () => {
  test('the text of a content is that of its text blocks, in the words of each protocol', () => {
    expect(contentText('hi')).toBe('hi');
    expect(contentText(undefined)).toBe('');
    const blocks: Json[] = ['a', { type: 'input_text', text: 'b' }, { kind: 'text', text: 'c' }, { text: 'd' }];
    const others: Json[] = [{ type: 'image_url' }, { type: 'reasoning', text: 'hm' }, 7];
    expect(contentText([...blocks, ...others])).toBe('a\nb\nc\nd');
  });

  test('a text that grows gives its growth, and one that was replaced begins anew', () => {
    expect(toDelta('', 'Hel')).toEqual({ kind: 'growth', text: 'Hel' });
    expect(toDelta('Hel', 'Hello')).toEqual({ kind: 'growth', text: 'lo' });
    expect(toDelta('Hello', 'Hello')).toEqual({ kind: 'same' });
    expect(toDelta('Hello', 'Help')).toEqual({ kind: 'anew', text: 'Help' });
    expect(toDelta('Hello', 'Hel')).toEqual({ kind: 'anew', text: 'Hel' });
  });
});
