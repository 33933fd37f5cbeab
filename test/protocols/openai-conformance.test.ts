import { beforeAll, expect, test } from 'vitest';
import { GatewayError } from '../../src/contract/domain/errors.ts';
import type { Json } from '../../src/contract/domain/json.ts';
import { become, busy, type Case, failed, interrupted, live, succeeded } from './conformance-cases.ts';
import { parseEvents } from './event-lines.ts';
import { ProtocolDocument } from './protocol-document.ts';
import { openProtocols } from './protocol-sites.ts';
import { absentId, runId, type ScriptedApi } from './scripted-api.ts';
import { threadId } from './scripted-threads.ts';

const response = { response_id: `resp_${runId}` };
const conversation = { conversation_id: `conv_${threadId}` };
const item = { ...conversation, item_id: `msg_${runId}_in_0` };
const absent = { response_id: `resp_${absentId}`, conversation_id: `conv_${absentId}`, model: 'nobody' };
const malformed = { response_id: 'resp_1', conversation_id: 'conv_1', model: 'x'.repeat(257) };
/** The scripted agent takes no text, so that a text is its input. */
const asked = { model: 'price-scraper', input: '{"url":"https://shop.test/1"}' };

function waiting(api: ScriptedApi): void {
  become({ ...interrupted, lastSeq: 3 })(api);
}
function keyUnderWay(api: ScriptedApi): void {
  api.runs.failure = new GatewayError('idempotency_in_progress');
}
const output = { type: 'function_call_output', call_id: `call_${runId}_3`, output: '{"approved":true}' };
const resume = { type: 'function', name: 'resume', parameters: {} };

/** Answers of a document's `GET`, found or not. */
function reads(operation: string, params: Case['params'], prepare = live): readonly Case[] {
  return [
    { operation, status: 200, params, prepare },
    { operation, status: 404, params: absent, prepare },
    { operation, status: 400, params: malformed, prepare },
  ];
}

const bodies: readonly Json[] = [
  asked,
  { ...asked, background: true, metadata: { team: 'a' }, temperature: 0.5, tools: [resume], text: {} },
  { ...asked, stream: true, store: false },
  { ...asked, conversation: { id: `conv_${threadId}` }, include: [], reasoning: { effort: 'low' } },
  { input: [{ role: 'user', content: [{ type: 'input_text', text: asked.input }] }], model: asked.model },
];

const cases: readonly Case[] = [
  { operation: 'list_models', status: 200 },
  ...reads('get_model', { model: 'price-scraper' }),
  ...[succeeded, failed, interrupted].flatMap((changes) =>
    bodies.map((body): Case => ({ operation: 'create_response', status: 200, body, prepare: become(changes) })),
  ),
  { operation: 'create_response', status: 200, body: { input: [output], background: true }, prepare: waiting },
  { operation: 'create_response', status: 400, body: { ...asked, prompt: { id: 'p' } } },
  { operation: 'create_response', status: 400, body: { ...asked, input: 'no JSON' } },
  { operation: 'create_response', status: 400, body: { ...asked, instructions: 'Be brief.' } },
  { operation: 'create_response', status: 400, body: { input: [output] }, prepare: live },
  { operation: 'create_response', status: 404, body: { ...asked, model: 'nobody' } },
  { operation: 'create_response', status: 404, body: { ...asked, previous_response_id: `resp_${absentId}` } },
  { operation: 'create_response', status: 409, body: { ...asked, conversation: `conv_${threadId}` }, prepare: busy },
  { operation: 'create_response', status: 409, body: asked, prepare: keyUnderWay },
  ...reads('get_response', response),
  ...[succeeded, failed, interrupted].map(
    (changes): Case => ({ operation: 'get_response', status: 200, params: response, prepare: become(changes) }),
  ),
  {
    ...{ operation: 'get_response', status: 200, params: response, query: 'stream=true&include_obfuscation=false' },
    prepare: become({ ...succeeded, lastSeq: 3 }),
  },
  {
    ...{ operation: 'get_response', status: 400, params: response, query: 'stream=true&starting_after=9' },
    prepare: become(succeeded),
  },
  ...reads('delete_response', response),
  ...reads('cancel_response', response),
  ...reads('list_input_items', response),
  { operation: 'list_input_items', status: 200, params: response, query: 'limit=1&order=asc', prepare: live },
  { operation: 'create_conversation', status: 200 },
  { operation: 'create_conversation', status: 200, body: { metadata: { team: 'a' } } },
  { operation: 'create_conversation', status: 400, body: { items: [{ role: 'user', content: 'hi' }] } },
  ...reads('get_conversation', conversation),
  ...reads('list_conversation_items', conversation),
  ...[succeeded, failed, interrupted].map(
    (changes): Case => ({
      ...{ operation: 'list_conversation_items', status: 200, params: conversation, query: 'order=asc' },
      prepare: become(changes),
    }),
  ),
  { operation: 'list_conversation_items', status: 400, params: conversation, query: 'after=msg_1' },
  { operation: 'get_conversation_item', status: 200, params: item, prepare: become({ ...succeeded, threadId }) },
  { operation: 'get_conversation_item', status: 404, params: { ...item, item_id: 'msg_1' } },
  { operation: 'get_conversation_item', status: 400, params: { ...item, ...malformed } },
  { operation: 'create_conversation_items', status: 400, params: conversation, body: { items: [{}] } },
  { operation: 'create_conversation_items', status: 404, params: absent, body: { items: [{}] } },
  { operation: 'delete_conversation_item', status: 400, params: item },
  { operation: 'delete_conversation_item', status: 404, params: { ...item, ...absent } },
  { operation: 'update_conversation', status: 200, params: conversation, body: { metadata: { team: 'a' } } },
  { operation: 'update_conversation', status: 400, params: conversation, body: { metadata: 1 } },
  { operation: 'update_conversation', status: 404, params: absent, body: { metadata: null } },
  ...reads('delete_conversation', conversation),
  { operation: 'delete_conversation', status: 409, params: conversation, prepare: busy },
];

let document: ProtocolDocument;

beforeAll(async () => {
  await using site = await openProtocols();
  document = new ProtocolDocument(await (await site.fetch('/v1/openapi.json')).json());
});

test('every status of the document of openai is among its cases', () => {
  const shown = new Set(cases.map(({ operation, status }) => `${operation} ${status}`));
  const documented = document.operations.flatMap(({ id, answers }) =>
    [...answers.keys()].map((each) => `${id} ${each}`),
  );
  expect(documented.filter((each) => !shown.has(each))).toEqual([]);
});

test.each(cases)('$operation of openai answers $status as its document says (%#)', async (call) => {
  await using site = await openProtocols();
  call.prepare?.(site.api);
  const operation = document.find(call.operation);
  const path = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => call.params?.[name] ?? '');
  const answer = await site.fetch(`/v1${path}?${call.query ?? ''}`, {
    method: operation.method.toUpperCase(),
    ...(call.body === undefined
      ? {}
      : { body: JSON.stringify(call.body), headers: { 'content-type': 'application/json' } }),
  });
  const text = await answer.text();
  expect([answer.status, text]).toEqual([call.status, expect.any(String)]);
  const mediaType = answer.headers.get('content-type') ?? '';
  const isStream = mediaType === 'text/event-stream';
  const shown = isStream ? parseEvents(text) : [{ event: '', data: text }];
  expect(shown.length).toBeGreaterThan(0);
  for (const { event, data } of shown) {
    const body = JSON.parse(data) as { readonly type?: string };
    expect(document.judgeAnswer(operation, call.status, mediaType, body)).toEqual([]);
    if (isStream) expect(body.type).toBe(event);
  }
});
