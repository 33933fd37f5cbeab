import { describe, expect, test } from 'vitest';
import { GatewayError } from '../../src/contract/domain/errors.ts';
import type { Json } from '../../src/contract/domain/json.ts';
import { become, type Case, interrupted, succeeded } from './conformance-cases.ts';
import { ProtocolDocument } from './protocol-document.ts';
import { openProtocols } from './protocol-sites.ts';
import { absentId, agentId, eventOf, runId, type ScriptedApi } from './scripted-api.ts';

const known = { agent: agentId, run_id: runId };
const absent = { agent: agentId, run_id: absentId };
const unknownAgent = { agent: absentId, run_id: runId };

function messageOf(part: Json, more: object = {}): Json {
  return { message: { messageId: 'm-1', role: 'ROLE_USER', parts: [part], ...more } };
}

const data = messageOf({ data: { url: 'x' } });
const file = messageOf({ url: 'https://files.test/a.pdf' });

function end(api: ScriptedApi): void {
  become(succeeded)(api);
  api.runs.script = (stream) =>
    stream
      .give([eventOf(2, { kind: 'partial', value: { step: 1 } })])
      .give([eventOf(3, { kind: 'result', value: { price: 9.5, reply: 'nine' } }, 'success')])
      .give(null);
}

const underWay = (api: ScriptedApi) => {
  become({ phase: 'running' })(api);
  api.runs.script = (stream) =>
    stream
      .give([eventOf(2, { kind: 'phase', phase: 'running' })])
      .give([eventOf(3, { kind: 'error', errcode: 1001, description: 'too late' }, 'timeout')])
      .give(null);
};

const inProgress = (api: ScriptedApi) => {
  end(api);
  api.runs.failure = new GatewayError('idempotency_in_progress');
};

const push = { url: 'https://hooks.test/a', token: 't', authentication: { scheme: 'Bearer', credentials: 'c' } };
const pushed = become({ webhooks: [{ ...push, id: 'c', protocol: 'a2a', events: 'progress', token: undefined }] });

const sends = ['send_message', 'send_streaming_message'].flatMap((operation): readonly Case[] => [
  { operation, status: 200, params: known, body: data, prepare: end },
  { operation, status: 400, params: known, body: {}, prepare: end },
  { operation, status: 400, params: known, body: messageOf({ data: 1 }, { taskId: runId }), prepare: end },
  { operation, status: 404, params: unknownAgent, body: data },
  { operation, status: 404, params: known, body: messageOf({ text: 'x' }, { taskId: absentId }) },
  { operation, status: 409, params: known, body: data, prepare: inProgress },
  { operation, status: 415, params: known, body: file },
]);

const cases: readonly Case[] = [
  ...sends,
  { operation: 'get_task', status: 200, params: known, prepare: become(interrupted) },
  { operation: 'get_task', status: 400, params: known, query: 'historyLength=x' },
  { operation: 'get_task', status: 404, params: absent },
  { operation: 'cancel_task', status: 200, params: known, prepare: become({ phase: 'running' }) },
  { operation: 'cancel_task', status: 400, params: known, query: 'A2A-Version=7' },
  { operation: 'cancel_task', status: 404, params: absent },
  { operation: 'cancel_task', status: 409, params: known, prepare: become(succeeded) },
  ...['subscribe_to_task', 'subscribe_to_task_by_get'].flatMap((operation): readonly Case[] => [
    { operation, status: 200, params: known, prepare: underWay },
    { operation, status: 400, params: known, prepare: become(succeeded) },
    { operation, status: 404, params: absent },
  ]),
  { operation: 'list_tasks', status: 200, params: known, prepare: end },
  { operation: 'list_tasks', status: 400, params: known, query: 'pageSize=0' },
  { operation: 'list_tasks', status: 404, params: unknownAgent },
  { operation: 'create_push_notification_config', status: 200, params: known, body: push },
  { operation: 'create_push_notification_config', status: 400, params: known, body: { url: 'x' } },
  { operation: 'create_push_notification_config', status: 404, params: absent, body: push },
  { operation: 'list_push_notification_configs', status: 200, params: known, prepare: pushed },
  { operation: 'list_push_notification_configs', status: 400, params: known, query: 'A2A-Version=7' },
  { operation: 'list_push_notification_configs', status: 404, params: absent },
  ...['get_push_notification_config', 'delete_push_notification_config'].flatMap((operation): readonly Case[] => [
    { operation, status: 200, params: { ...known, config_id: 'c' }, prepare: pushed },
    { operation, status: 400, params: { ...known, config_id: 'c' }, query: 'A2A-Version=7' },
    { operation, status: 404, params: { ...absent, config_id: 'c' } },
  ]),
  { operation: 'get_extended_agent_card', status: 400, params: known },
  ...['get_agent_card', 'get_legacy_agent_card'].flatMap((operation): readonly Case[] => [
    { operation, status: 200, params: known },
    { operation, status: 304, params: known },
    { operation, status: 404, params: unknownAgent },
  ]),
  {
    operation: 'call_method',
    status: 200,
    params: known,
    body: { jsonrpc: '2.0', id: 1, method: 'GetTask', params: { id: runId } },
  },
];

async function judgeCall(document: ProtocolDocument, call: Case): Promise<readonly string[]> {
  await using site = await openProtocols();
  call.prepare?.(site.api);
  const operation = document.find(call.operation);
  const path = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => call.params?.[name] ?? '');
  const headers = {
    ...(call.query?.startsWith('A2A-Version') ? {} : { 'a2a-version': '1.0' }),
    ...(call.status === 304 ? { 'if-none-match': '*' } : {}),
    ...(call.body === undefined ? {} : { 'content-type': 'application/a2a+json' }),
  };
  const body = call.body === undefined ? {} : { body: JSON.stringify(call.body) };
  const url = `/a2a${path}${call.query === undefined ? '' : `?${call.query}`}`;
  const answer = await site.fetch(url, { method: operation.method.toUpperCase(), headers, ...body });
  const text = await answer.text();
  if (answer.status !== call.status) return [`${answer.status} instead of ${call.status}: ${text}`];
  if (answer.status === 304) return text === '' ? [] : [text];
  const mediaType = answer.headers.get('content-type') ?? '';
  const bodies = mediaType === 'text/event-stream' ? dataOf(text) : [text];
  if (bodies.length === 0) return ['nothing was sent'];
  return bodies.flatMap((each) => document.judgeAnswer(operation, answer.status, mediaType, JSON.parse(each)));
}

/** The data of events that have no name. */
function dataOf(text: string): readonly string[] {
  return [...text.matchAll(/^id: \d+\ndata: (.*)\n\n/gm)].map(([, data = '']) => data);
}

describe('conformance of /a2a', async () => {
  await using site = await openProtocols();
  const document = new ProtocolDocument(await (await site.fetch('/a2a/openapi.json')).json());

  test('every status of the document is tested', () => {
    const shown = cases.map(({ operation, status }) => `${operation} ${status}`);
    const documented = document.operations.flatMap(({ id, answers }) =>
      [...answers.keys()].map((status) => `${id} ${status}`),
    );
    expect(documented.filter((each) => !shown.includes(each))).toEqual([]);
  });

  test.each(cases)('$operation answers $status as the document says (%#)', async (call) => {
    expect(await judgeCall(document, call)).toEqual([]);
  });
});
