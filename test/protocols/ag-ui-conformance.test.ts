import { AgentCapabilitiesSchema, EventSchema, RunErrorEventSchema } from '@ag-ui/core/schemas';
import { describe, expect, test } from 'vitest';
import type { z } from 'zod';
import { GatewayError } from '../../src/contract/domain/errors.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import type { Run } from '../../src/contract/domain/run.ts';
import { become, busy, type Case, failed, interrupted, known, live, succeeded } from './conformance-cases.ts';
import { parseEvents } from './event-lines.ts';
import { ProtocolDocument } from './protocol-document.ts';
import { openProtocols } from './protocol-sites.ts';
import { absentId, runId, runOf, type ScriptedApi } from './scripted-api.ts';
import { threadId, threadOf } from './scripted-threads.ts';

const said: JsonObject = {
  threadId,
  runId: 'r-1',
  messages: [{ id: 'm-1', role: 'user', content: '{"url":"https://shop.test/1"}' }],
};
/** With everything that a client may send. */
const full: JsonObject = {
  ...said,
  protocolVersion: '1.0',
  parentRunId: 'r-0',
  state: { page: 1 },
  tools: [{ name: 'find', description: 'Finds', parameters: {} }],
  context: [{ description: 'where', value: 'here' }],
  forwardedProps: {
    theme: 'dark',
    rungate: { config: { retry: 1 }, metadata: { team: 'a' }, on_disconnect: 'continue' },
  },
  messages: [
    { id: 'm-1', role: 'user', content: [{ type: 'text', text: '{"url":"https://shop.test/1"}' }] },
    {
      id: 'm-2',
      role: 'assistant',
      toolCalls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }],
    },
    { id: 'm-3', role: 'tool', content: 'found', toolCallId: 'c' },
    { id: 'm-4', role: 'activity', activityType: 'plan', content: { step: 1 } },
    { id: 'm-5', role: 'reasoning', content: 'hm' },
    { id: 'm-6', role: 'user', content: '{"url":"https://shop.test/2"}' },
  ],
};
const nulls = { parentRunId: null, tools: null, context: null, resume: null, protocolVersion: null };
const cancelled: Partial<Run> = { ...failed, outcome: { kind: 'error', errcode: 1000, description: 'cancelled' } };

/** A run of the thread that asks. */
function asking(api: ScriptedApi): void {
  live(api);
  api.runs.byId.set(runId, runOf({ ...interrupted, threadId, lastSeq: 3 }));
  api.threads.byId.set(threadId, threadOf({ status: 'interrupted', activeRunId: runId }));
}

function resume(interruptId: string, status = 'resolved', payload: Json = { approved: true }): JsonObject {
  return { ...said, messages: [], resume: [{ interruptId, status, payload }] };
}

const run = { operation: 'run_agent', params: known };
const capabilities = { operation: 'get_agent_capabilities' };

const cases: readonly Case[] = [
  ...[said, full, { ...said, ...nulls }].map((body) => ({ ...run, status: 200, body, prepare: become(succeeded) })),
  ...[{}, failed, interrupted, cancelled].map((changes) => ({
    ...run,
    status: 200,
    body: said,
    prepare: become(changes),
  })),
  { ...run, status: 200, body: said, query: 'on_disconnect=continue', prepare: become(succeeded) },
  { ...run, status: 200, body: said, prepare: asking },
  { ...run, status: 200, body: { ...said, messages: [] }, prepare: live },
  { ...run, status: 200, body: resume(`${runId}.3`), prepare: asking },
  { ...run, status: 200, body: resume(`${runId}.3`, 'cancelled'), prepare: asking },
  { ...run, status: 200, body: resume(`${runId}.2`), prepare: asking },
  { ...run, status: 200, body: resume('x'), prepare: asking },
  { ...run, status: 200, body: resume(`${absentId}.1`), prepare: asking },
  { ...run, status: 404, params: { ...known, agent_id: absentId }, body: said },
  {
    ...{ ...run, status: 409, body: said },
    prepare: (api) => {
      api.runs.failure = new GatewayError('idempotency_in_progress');
    },
  },
  { ...run, status: 422, body: { ...said, mesages: [] } },
  { ...run, status: 422, body: { ...said, threadId: '' } },
  { ...run, status: 422, body: { ...said, messages: [{ id: 'm', role: 'robot', content: 'x' }] } },
  { ...run, status: 422, body: { ...said, forwardedProps: { rungate: { inptu: {} } } } },
  { ...run, status: 422, body: said, query: 'on_disconnect=never' },
  { ...capabilities, status: 200, params: known },
  { ...capabilities, status: 404, params: { agent_id: absentId } },
  { ...capabilities, status: 422, params: { agent_id: 'x'.repeat(257) } },
];

/** Faults by the protocol's published schemas. */
function judgeBy(schema: { safeParse(value: unknown): { readonly error?: z.ZodError | undefined } }, value: unknown) {
  return schema.safeParse(value).error?.issues.map(({ path, message }) => `${path.join('/')} ${message}`) ?? [];
}

/** Faults of the answer to one call, by the document that the gateway serves and by the published schemas. */
async function judgeCall(document: ProtocolDocument, call: Case): Promise<readonly string[]> {
  await using site = await openProtocols();
  call.prepare?.(site.api);
  const operation = document.find(call.operation);
  const path = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => call.params?.[name] ?? '');
  const sent = { body: JSON.stringify(call.body), headers: { 'content-type': 'application/json' } };
  const init = { method: operation.method.toUpperCase(), ...(call.body === undefined ? {} : sent) };
  const answer = await site.fetch(`/ag-ui${path}${call.query === undefined ? '' : `?${call.query}`}`, init);
  const text = await answer.text();
  if (answer.status !== call.status) return [`${answer.status} instead of ${call.status}: ${text}`];
  const mediaType = answer.headers.get('content-type') ?? '';
  if (mediaType !== 'text/event-stream') {
    const body: unknown = JSON.parse(text);
    const published = answer.status === 200 ? AgentCapabilitiesSchema : RunErrorEventSchema;
    return [...document.judgeAnswer(operation, answer.status, mediaType, body), ...judgeBy(published, body)];
  }
  const events = parseEvents(text).map(({ data }) => JSON.parse(data) as JsonObject);
  const last = events.at(-1)?.type;
  return [
    ...events.flatMap((event) => document.judgeAnswer(operation, 200, mediaType, event)),
    ...events.flatMap((event) => judgeBy(EventSchema, event)),
    ...(events[0]?.type === 'RUN_STARTED' || (events.length === 1 && last === 'RUN_ERROR') ? [] : ['no beginning']),
    ...(last === 'RUN_FINISHED' || last === 'RUN_ERROR' ? [] : [`${String(last)} ends it`]),
  ];
}

async function readDocument(): Promise<ProtocolDocument> {
  await using site = await openProtocols();
  return new ProtocolDocument(await (await site.fetch('/ag-ui/openapi.json')).json());
}

const document = await readDocument();

describe('conformance of AG-UI', () => {
  test('every status of the document is tested', () => {
    const shown = cases.map(({ operation, status }) => `${operation} ${status}`);
    const documented = document.operations.flatMap(({ id, answers }) =>
      [...answers.keys()].map((each) => `${id} ${each}`),
    );
    expect(documented.filter((each) => !shown.includes(each))).toEqual([]);
  });

  test.each(cases)('$operation answers $status as the document and the published schemas say (%#)', async (call) => {
    expect(await judgeCall(document, call)).toEqual([]);
  });

  test('a run of a busy thread waits for it', async () => {
    await using site = await openProtocols();
    busy(site.api);
    site.api.runs.born = succeeded;
    await (await site.post('/ag-ui/price-scraper', said)).text();
    expect(site.api.runs.created.map(({ thread }) => thread?.whenBusy)).toEqual(['reject', 'enqueue']);
  });
});
