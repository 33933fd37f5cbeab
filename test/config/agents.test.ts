import { describe, expect, test } from 'vitest';
import { buildAgents } from '../../src/agents/agent-directory.ts';
import { sharedConnection } from '../../src/agents/backend-connections.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { compileCheck } from '../../src/validation/json-schema.ts';
import { parse, refuse, sample, silentConnection, words } from './vendors.ts';

const connections = new Map([['main', sharedConnection(silentConnection)]]);

const maxOutputBytes = 1000;

describe('the agents of a config', () => {
  test('an agent is found by its name and by an id that never changes', async () => {
    const agents = buildAgents(
      { ...(await parse(sample({ rest: 'defaultAgent: sweeper' }))), maxOutputBytes },
      connections,
    );
    const agent = agents.find('sweeper');
    // Clients keep agent ids: a change of this one breaks all of them.
    expect(agent?.agentId).toBe('54b3de85-b675-5030-9760-30ffe198c00f');
    expect(agents.find('54b3de85-b675-5030-9760-30ffe198c00f')).toBe(agent);
    expect(agents.find('54b3de85-b675-5030-9760-30ffe198c00f'.toUpperCase())).toBe(agent);
    expect([agents.find('Sweeper'), agents.find('constructor'), agents.find('')]).toEqual([null, null, null]);
    expect(agents.defaultAgent).toBe(agent);
    expect(agents.all).toEqual([agent]);
    expect(agent?.connectionFor('default')).toBe(silentConnection);
  });

  test('the default agent is null where the config names none', async () => {
    expect(buildAgents({ ...(await parse(sample())), maxOutputBytes }, connections).defaultAgent).toBeNull();
  });

  test('agents cannot be built without a connection to their backend', async () => {
    const config = await parse(sample());
    expect(() => buildAgents({ ...config, maxOutputBytes }, new Map())).toThrow('no connection to the backend main');
  });

  test('the config of a run is checked by the schema of the agent and by the adapter', async () => {
    const agent = 'schemas: { config: { properties: { mode: { type: string } } } }';
    const [parsed] = (await parse(sample({ agent }))).agents;
    expect(parsed?.checkConfig({ mode: 'a', tries: 1, other: [] })).toBeNull();
    expect(parsed?.checkConfig({ mode: 1 })).toEqual({ path: 'config/mode', message: 'must be string' });
    expect(parsed?.checkConfig({ tries: 'x' })).toEqual({
      path: 'config/tries',
      message: 'must be a number, is a string',
    });
  });

  test('a resume payload is checked by the schema of its interrupt', async () => {
    const schemas = [
      'schemas:',
      '  interrupts:',
      '    - { interrupt_type: yes-no, resume_payload: { required: [ok] } }',
      '    - { interrupt_type: any }',
    ].join('\n');
    const [parsed] = (await parse(sample({ agent: schemas }))).agents;
    const missing = { path: 'payload/ok', message: 'is required' };
    expect(parsed?.checkResume({ interrupt_type: 'yes-no' }, {})).toEqual(missing);
    expect(parsed?.checkResume({ interrupt_type: 'yes-no' }, { ok: 1 })).toBeNull();
    expect(parsed?.checkResume({ interrupt_type: 'any' }, {})).toBeNull();
    expect(parsed?.checkResume({ interrupt_type: 'other' }, {})).toBeNull();
    expect(parsed?.checkResume('yes-no', {})).toBeNull();
    const questions: Json = [{ id: 'a', interrupt_type: 'yes-no' }, { id: 'b' }];
    const several = { interrupt_type: 'any', questions };
    expect(parsed?.checkResume(several, { a: { ok: 1 }, b: 2 })).toBeNull();
    expect(parsed?.checkResume(several, { a: {}, b: 2 })).toEqual({ path: 'payload/a/ok', message: 'is required' });
    expect(parsed?.checkResume(several, { a: { ok: 1 } })).toMatchObject({ path: 'payload/b' });
    expect(parsed?.checkResume(several, 'yes')).toMatchObject({ path: 'payload' });
    const doubled = { interrupt_type: 'any', questions: [{ id: 'a' }, { id: 'a' }] };
    expect(parsed?.checkResume(doubled, 'yes')).toBeNull();
    expect(parsed?.schemas.interrupts[0]).toEqual({
      type: 'yes-no',
      interruptPayload: {},
      resumePayload: { required: ['ok'] },
    });
  });
});

/** Schema, value, path and message of the first violation; none: the value passes. */
const cases: readonly (readonly [string, JsonObject, Json, (readonly [string, string])?])[] = [
  ['everything passes the empty schema', {}, null],
  ['a type', { properties: { url: { type: 'string' } } }, { url: 1 }, ['input/url', 'must be string']],
  ['the root itself', { type: 'object' }, [], ['input', 'must be object']],
  ['a missing name', { required: ['url'] }, {}, ['input/url', 'is required']],
  ['a missing name within', { items: { required: ['a/b'] } }, [{}], ['input/0/a~1b', 'is required']],
  [
    'a name too many',
    { properties: {}, additionalProperties: false },
    { x: 1 },
    ['input/x', 'is not a known property'],
  ],
  ['the same, unevaluated', { unevaluatedProperties: false }, { x: 1 }, ['input/x', 'is not a known property']],
  ['a choice', { enum: ['a', 1] }, 'b', ['input', 'must be one of the allowed values: "a", 1']],
  ['a format', { format: 'uri' }, 'x y', ['input', 'must match format "uri"']],
  ['a format that passes', { format: 'uri' }, 'https://a.example'],
  ['an unknown format', { format: 'shoe-size' }, 'x'],
  ['an unknown keyword', { 'x-order': 1, example: 2 }, 'x'],
  ['tuples of 2020-12', { prefixItems: [{ type: 'string' }] }, [1], ['input/0', 'must be string']],
  [
    'tuples of draft-07',
    { $schema: 'http://json-schema.org/draft-07/schema#', items: [{ type: 'string' }] },
    [1],
    ['input/0', 'must be string'],
  ],
  ['a reference within', { $ref: '#/$defs/a', $defs: { a: { type: 'null' } } }, 1, ['input', 'must be null']],
];

test.each([
  ['refers to another document', { $ref: 'http://a/b' }],
  ['looks ahead', { pattern: '(?=a)' }],
  ['is of an unknown draft', { $schema: 'https://a.example/draft-99' }],
  ['is wrong', { type: 'text' }],
] as const)('a schema of outputs and interrupts that %s is shown as it is', async (_name, schema) => {
  const interrupts = `interrupts: [{ interrupt_type: a, interrupt_payload: ${JSON.stringify(schema)} }]`;
  const shown = `schemas: { output: ${JSON.stringify(schema)}, ${interrupts} }`;
  const [parsed] = (await parse(sample({ agent: shown }))).agents;
  expect(parsed?.schemas.output).toEqual(schema);
  expect(parsed?.schemas.interrupts[0]?.interruptPayload).toEqual(schema);
});

describe('checks', () => {
  for (const [name, schema, value, violation] of cases) {
    test(`the check of ${name} gives the first violation, or none`, async () => {
      const found = (await compileCheck(schema, 'input'))(value);
      expect(found).toEqual(violation === undefined ? null : { path: violation[0], message: violation[1] });
    });
  }

  test('a check leaves the checked value unchanged', async () => {
    const value = Object.freeze({ a: '1' });
    const schema = { properties: { a: { type: 'string' }, b: { type: 'string', default: 'x' } } };
    expect((await compileCheck(schema, 'input'))(value)).toBeNull();
    expect(value).toEqual({ a: '1' });
  });

  test('two agents may use schemas with the same $id', async () => {
    const check = (type: string) => compileCheck({ $id: 'https://a.example/s', type }, 'input');
    expect([(await (await check('string'))(1))?.message, (await (await check('null'))(1))?.message]).toEqual([
      'must be string',
      'must be null',
    ]);
  });
});

test('the chat expressions of an agent are compiled with the config, and mistakes in them are its problems', async () => {
  const agent = `chat: { input: "{ 'q': text }", reply: "answer & '!'" }`;
  const [parsed] = (await parse(sample({ agent }))).agents;
  expect(await parsed?.chat?.input?.evaluate({ text: 'hi' })).toEqual({ q: 'hi' });
  expect(await parsed?.chat?.reply?.evaluate({ answer: 'yes' })).toBe('yes!');
  expect((await parse(sample())).agents[0]?.chat).toBeUndefined();
  const wrong = `chat: { input: "$strng(text)", reply: "(", output: x }`;
  expect(words(await refuse(sample({ agent: wrong })))).toEqual([
    {
      path: 'agents[0].chat.input',
      message: 'the expression cannot work: nothing defines $strng; did you mean $string?',
    },
    expect.objectContaining({
      path: 'agents[0].chat.reply',
      message: expect.stringMatching(/^the expression does not parse/),
    }),
    expect.objectContaining({ path: 'agents[0].chat.output' }),
  ]);
});
