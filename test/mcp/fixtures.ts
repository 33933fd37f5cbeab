import type { Json, JsonObject } from '../../src/contract/domain/json.ts';

/** Agents of the sandbox under the names that the conformance suites call, each doing what they describe. */
type Fixture = {
  readonly script: string;
  readonly input?: JsonObject;
  /** Expressions of the mapping. */
  readonly mapping?: JsonObject;
  readonly tasks?: 'auto' | 'late' | 'required' | 'never';
};

function intuned(name: string, { script, input = {}, mapping, tasks = 'auto' }: Fixture): JsonObject {
  return {
    ...{ name, description: `Plays ${name}.`, backend: 'intuned', target: { project: 'samples', api: script } },
    schemas: { input },
    mcp: { tasks },
    ...(mapping === undefined ? {} : { mapping }),
  };
}

type Asking = {
  /** Of each question, by the type of its interrupt, which is its name in an answer. */
  readonly questions: readonly (readonly [
    type: string,
    message: string,
    properties: JsonObject,
    required?: readonly string[],
  ])[];
  /** Further knobs of the script. */
  readonly knobs?: JsonObject;
  readonly tasks?: Fixture['tasks'];
};

/** Asks one question after the other, and ends with the last answer. */
function asking(name: string, { questions, knobs = {}, tasks = 'auto' }: Asking): JsonObject {
  const types = JSON.stringify(questions.map(([type]) => type));
  const messages = JSON.stringify(questions.map(([, message]) => message));
  const input: Json = { rounds: questions.length, ...knobs };
  return {
    ...{ name, description: `Plays ${name}.`, backend: 'restack', target: { agent: 'ApprovalAgent' }, mcp: { tasks } },
    mapping: {
      input: JSON.stringify(input),
      interrupt: `output.interrupt ? { 'interrupt_type': ${types}[$$.output.interrupt.round - 1], 'message': ${messages}[$$.output.interrupt.round - 1], 'round': output.interrupt.round }`,
    },
    schemas: {
      interrupts: questions.map(([type, , properties, required = Object.keys(properties)]) => ({
        ...{ interrupt_type: type, interrupt_payload: {} },
        resume_payload: { type: 'object', properties, required },
      })),
    },
  };
}

/** Asks several questions at once, by their ids. */
function askingAtOnce(name: string, questions: Readonly<Record<string, JsonObject>>): JsonObject {
  const listed = Object.entries(questions).map(([id, question]) => ({ id, ...question }));
  const interrupt = `output.interrupt ? { 'interrupt_type': 'several', 'questions': ${JSON.stringify(listed)} }`;
  return { ...asking(name, { questions: [] }), mapping: { interrupt }, schemas: {} };
}

function object(properties: JsonObject): JsonObject {
  return { type: 'object', properties, required: Object.keys(properties) };
}

const text = { type: 'string' };
const yes = { ok: { type: 'boolean' } };
const name = { name: text };
const options = ['option1', 'option2', 'option3'];
const titled = [1, 2, 3].map((at) => ({ const: `value${at}`, title: `Option ${at}` }));

const image = { type: 'image', data: 'aGk=', mimeType: 'image/png' };
const audio = { type: 'audio', data: 'aGk=', mimeType: 'audio/wav' };
const resource = {
  type: 'resource',
  resource: { uri: 'test://embedded', mimeType: 'text/plain', text: 'An embedded resource' },
};

/** A schema with keywords that gateways are known to drop. */
const wholeSchema: JsonObject = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  $defs: {
    address: { $anchor: 'addressDef', type: 'object', properties: { street: text, city: text } },
  },
  properties: {
    name: text,
    address: { $ref: '#/$defs/address' },
    contactMethod: { type: 'string', enum: ['phone', 'email'] },
    phone: text,
    email: text,
  },
  allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
  if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
  then: { required: ['phone'] },
  else: { required: ['email'] },
  additionalProperties: false,
};

/** Works, asks, and works on: long enough to be killed in between. */
const durable: JsonObject = {
  ...asking('durable', { questions: [['approval', 'Go on?', { approved: { type: 'boolean' } }]] }),
  mapping: {
    input: '$merge([input, { "ms": 3000, "staleMs": 1500 }])',
    interrupt: 'output.interrupt',
  },
};

export const fixtures: readonly JsonObject[] = [
  // The first in the order of names is called without arguments.
  intuned('a_first_tool', { script: 'echo' }),
  intuned('test_simple_text', { script: 'echo', mapping: { output: '"This is a simple text response for testing."' } }),
  intuned('test_image_content', { script: 'echo', mapping: { output: JSON.stringify([image]) } }),
  intuned('test_audio_content', { script: 'echo', mapping: { output: JSON.stringify([audio]) } }),
  intuned('test_embedded_resource', { script: 'echo', mapping: { output: JSON.stringify([resource]) } }),
  intuned('test_multiple_content_types', {
    script: 'echo',
    mapping: { output: JSON.stringify([{ type: 'text', text: 'Several' }, image, resource]) },
  }),
  intuned('test_error_handling', { script: 'fail' }),
  intuned('test_tool_with_progress', { script: 'progress', mapping: { input: '{ "ms": 400 }' } }),
  intuned('test_logging_tool', { script: 'echo' }),
  intuned('json_schema_2020_12_tool', { script: 'echo', input: wholeSchema }),
  intuned('test_x_mcp_header', {
    script: 'echo',
    input: { type: 'object', properties: { region: { ...text, 'x-mcp-header': 'Region' } }, required: ['region'] },
  }),
  asking('test_streaming_elicitation', { questions: [['user_name', 'What is your name?', name]] }),
  asking('test_elicitation', {
    questions: [['user', 'Please provide your information', { username: text, email: text }]],
  }),
  asking('test_elicitation_sep1034_defaults', {
    questions: [
      [
        'details',
        'Please check these',
        {
          name: { ...text, default: 'John Doe' },
          age: { type: 'integer', default: 30 },
          score: { type: 'number', default: 95.5 },
          status: { ...text, enum: ['active', 'inactive', 'pending'], default: 'active' },
          verified: { type: 'boolean', default: true },
        },
        [],
      ],
    ],
  }),
  asking('test_elicitation_sep1330_enums', {
    questions: [
      [
        'choices',
        'Please choose',
        {
          untitledSingle: { ...text, enum: options },
          titledSingle: { ...text, oneOf: titled },
          legacyEnum: { ...text, enum: ['opt1', 'opt2', 'opt3'], enumNames: ['One', 'Two', 'Three'] },
          untitledMulti: { type: 'array', items: { ...text, enum: options } },
          titledMulti: { type: 'array', items: { anyOf: titled } },
        },
        [],
      ],
    ],
  }),
  asking('test_input_required_result_elicitation', { questions: [['user_name', 'What is your name?', name]] }),
  asking('test_input_required_result_request_state', { questions: [['confirm', 'Please confirm', yes]] }),
  asking('test_input_required_result_tampered_state', { questions: [['confirm', 'Please confirm', yes]] }),
  asking('test_input_required_result_multi_round', {
    questions: [
      ['step1', 'Step 1: What is your name?', name],
      ['step2', 'Step 2: What is your favorite color?', { color: text }],
    ],
  }),
  intuned('greet', { script: 'echo', mapping: { output: '"Hello, " & result.name & "!"' }, tasks: 'never' }),
  intuned('slow_compute', { script: 'slow' }),
  intuned('failing_job', { script: 'fail', mapping: { input: '{ "ms": 1000 }' }, tasks: 'required' }),
  intuned('protocol_error_job', {
    script: 'echo',
    mapping: { input: '{ "ms": 500 }', output: '$error("the result means nothing")' },
    tasks: 'required',
  }),
  asking('confirm_delete', { questions: [['confirm', 'Delete the file?', { confirm: { type: 'boolean' } }]] }),
  askingAtOnce('multi_input', {
    name: { message: 'What is your name?', schema: object(name) },
    confirm: { message: 'Is that so?', schema: object({ confirm: { type: 'boolean' } }) },
  }),
  durable,
  asking('test_tool_with_task', {
    questions: [['user_name', 'What is your name?', name]],
    knobs: { staleMs: 1000 },
    tasks: 'late',
  }),
];
