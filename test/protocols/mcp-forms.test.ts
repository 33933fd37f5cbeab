import { expect, test } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { flattenForm } from '../../src/protocols/mcp/forms.ts';
import { messageOf, questionsOf } from '../../src/protocols/mcp/questions.ts';
import { toolNameOf } from '../../src/protocols/mcp/tool-name.ts';
import { argumentsOf } from '../../src/protocols/mcp/tool-schemas.ts';
import { agentOf } from './scripted-api.ts';

const text = { type: 'string' };
const titled = [{ const: 'a', title: 'A' }];
const object = (properties: JsonObject, more: JsonObject = {}): JsonObject => ({ type: 'object', properties, ...more });

const fields: readonly [string, JsonObject, JsonObject][] = [
  [
    'a text with bounds',
    { ...text, minLength: 1, maxLength: 9, pattern: 'x' },
    { ...text, minLength: 1, maxLength: 9 },
  ],
  ['a text of a format that forms have', { ...text, format: 'email' }, { ...text, format: 'email' }],
  ['a text of another format', { ...text, format: 'ipv4' }, text],
  ['a number', { type: 'number', minimum: 0, multipleOf: 2 }, { type: 'number', minimum: 0 }],
  ['a boolean with a default', { type: 'boolean', default: true }, { type: 'boolean', default: true }],
  ['a choice without a type', { enum: ['a', 'b'] }, { enum: ['a', 'b'], type: 'string' }],
  ['a choice with titles', { oneOf: titled }, { oneOf: titled, type: 'string' }],
  [
    'several of a list',
    { type: 'array', items: { ...text, enum: ['a'] }, minItems: 1 },
    { type: 'array', minItems: 1, items: { ...text, enum: ['a'] } },
  ],
];
test.each(fields)('%s is a field of a form, without keywords that forms do not have', (_, schema, field) => {
  expect(flattenForm(object({ it: schema }))?.schema).toEqual({ ...object({ it: field }), required: [] });
});

const others: readonly [string, JsonObject][] = [
  ['an object in an object', object({ it: object({}) })],
  ['a list of objects', object({ it: { type: 'array', items: object({}) } })],
  ['a choice of numbers', object({ it: { enum: [1, 2] } })],
  ['a choice of schemas', object({ it: { ...text, oneOf: [{ minLength: 1 }] } })],
  ['a constant', object({ it: { ...text, const: 'x' } })],
  ['a reference', object({ it: { $ref: '#/$defs/x' } })],
  ['a required member without a schema', object({ it: text }, { required: ['other'] })],
  ['an object without members', object({})],
  ['a schema of anything', {}],
  ['a property that is no schema', object({ it: true })],
];
test.each(others)('%s fits into no form', (_, schema) => {
  expect(flattenForm(schema)).toBeNull();
});

test('a value that is no object is the only field of its form', () => {
  const form = flattenForm({ type: 'boolean' });
  expect(form?.schema).toEqual({ type: 'object', properties: { value: { type: 'boolean' } }, required: ['value'] });
  expect([form?.toPayload({ value: true }), form?.toPayload({})]).toEqual([true, null]);
});

test.each<[string, Json, string]>([
  ['a text', 'Go?', 'Go?'],
  ['its message', { prompt: 'P', message: 'M' }, 'M'],
  ['its question', { question: 'Q', other: 1 }, 'Q'],
  ['what its value asks', { interrupt_type: 'input', value: { question: 'Q' } }, 'Q'],
  ['its JSON', { sum: 3 }, '{"sum":3}'],
])('an interrupt asks with %s', (_, interrupt, message) => {
  expect(messageOf(interrupt)).toBe(message);
});

test('an interrupt that is too large to show asks with words about it', () => {
  expect(messageOf({ rows: Array(50_000).fill('x') })).toBe('The agent asks a question that is too long to show.');
});

test('the schema of an interrupt itself counts where the agent declares none', () => {
  const interrupt = { message: 'M', schema: object({ a: text }) };
  expect(questionsOf(undefined, interrupt)).toMatchObject([{ key: 'answer', params: { message: 'M' } }]);
  expect(questionsOf(undefined, { message: 'M' })).toBeNull();
});

test.each<[string, JsonObject, JsonObject]>([
  ['no schema', {}, { type: 'object' }],
  ['properties without a type', { properties: { a: text } }, { type: 'object', properties: { a: text } }],
  ['an object or null', { type: ['object', 'null'] }, { type: 'object' }],
  ['a list', { type: 'array' }, object({ input: { type: 'array' } }, { required: ['input'] })],
])('an input with %s has arguments that are an object', (_, input, schema) => {
  expect(argumentsOf(agentOf({ schemas: { input, output: {}, config: {}, interrupts: [] } })).schema).toEqual(schema);
});

test.each([
  ['support-agent_2', 'support-agent_2'],
  ['get_run', 'get_run_11112222'],
  ['a.b', 'a_b_11112222'],
  ['x'.repeat(100), `${'x'.repeat(55)}_11112222`],
])('the agent %s is the tool %s', (name, tool) => {
  expect(toolNameOf({ name, agentId: '11112222-0000-5000-8000-000000000000' })).toBe(tool);
});
