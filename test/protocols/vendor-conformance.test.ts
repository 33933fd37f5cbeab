import { describe, expect, test } from 'vitest';
import type { NativeAgent } from '../../src/contract/domain/agent.ts';
import { GatewayError } from '../../src/contract/domain/errors.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import type { Run } from '../../src/contract/domain/run.ts';
import { become, type Case, failed, interrupted, succeeded } from './conformance-cases.ts';
import { judgeByOwnDocument, readOwnDocument, untested } from './own-document.ts';
import type { ProtocolDocument } from './protocol-document.ts';
import { openProtocols } from './protocol-sites.ts';
import { absentId, agentId, agentOf, runId, runOf, type ScriptedApi } from './scripted-api.ts';
import { threadId } from './scripted-threads.ts';

const place = { workspaceId: 'ws', projectName: 'shop' };
const known = {
  ...place,
  run_id: runId,
  jobId: 'j',
  jobRunId: 'r',
  authSessionId: 's',
  operationId: 'o',
  webTaskId: 'w',
};
const asked = { api: 'scrape', parameters: { url: 'x' } };

/** An agent of each vendor, by the target that a request names. */
function native(vendor: string, target: JsonObject, changes: Partial<NativeAgent> = {}) {
  const { mapping } = agentOf({});
  const nameTarget = (named: JsonObject) =>
    Object.entries(named).every(([name, value]) => target[name] === value) ? {} : null;
  const own = { vendor, mapping, checksInput: true, checkConfig: () => null, isOpen: false, holdsStarts: false };
  const serves = (_tenant: string, { workspaceId = 'ws' }: JsonObject) => workspaceId === 'ws';
  return { target, native: { ...own, nameTarget, targetOf: () => target, serves, ...changes } };
}

const origin = { protocol: 'intuned', extra: { workspaceId: 'ws', project: 'shop', api: 'scrape' } };

function atIntuned(run: Partial<Run> = {}, changes: Partial<NativeAgent> = {}) {
  return (api: ScriptedApi): void => {
    become({ ...run, request: { origin } })(api);
    api.agents.byId.set(agentId, agentOf(native('intuned', { project: 'shop', api: 'scrape' }, changes)));
  };
}

function atRestack(kind: 'agent' | 'workflow', run: Partial<Run> = {}) {
  return (api: ScriptedApi): void => {
    become(run)(api);
    api.runs.byId.set(runId, runOf({ ...run, threadId: null }));
    api.agents.byId.set(agentId, agentOf(native('restack', { [kind]: 'Support' })));
  };
}

const conflict = (prepare: (api: ScriptedApi) => void) => (api: ScriptedApi) => {
  prepare(api);
  api.runs.failure = new GatewayError('idempotency_in_progress');
};

const refusedStart: Partial<Run> = {
  status: 'error',
  phase: 'done',
  outcome: { kind: 'error', errcode: 1003, description: 'the vendor refused to start the run: no' },
  vendor: { http_status: 409, code: 'conflict' },
};
const canceled: Partial<Run> = { ...failed, outcome: { kind: 'error', errcode: 1000, description: 'cancelled' } };

const start = { operation: 'start_run', params: known };
const result = { operation: 'get_run_result', params: known };

const ofRuns: readonly Case[] = [
  { ...start, status: 201, body: asked, prepare: atIntuned() },
  { ...start, status: 201, body: { ...asked, saveTrace: true, retry: {}, later: 1, sink: null }, prepare: atIntuned() },
  { ...start, status: 409, body: asked, prepare: atIntuned(refusedStart, { holdsStarts: true }) },
  { ...start, status: 404, body: asked },
  { ...start, status: 404, body: { ...asked, api: 'other' }, prepare: atIntuned() },
  { ...start, status: 404, params: { ...known, workspaceId: 'other' }, body: asked, prepare: atIntuned() },
  { ...start, status: 409, body: asked, prepare: conflict(atIntuned()) },
  { ...start, status: 422, body: { api: 'scrape' }, prepare: atIntuned() },
  { ...start, status: 422, params: { ...known, projectName: '%00' }, body: asked, prepare: atIntuned() },
  ...[{}, { phase: 'queued' as const }, succeeded, failed, interrupted, canceled, refusedStart].map((run) => ({
    ...result,
    status: 200,
    prepare: atIntuned(run),
  })),
  { ...result, status: 404, params: { ...known, run_id: absentId }, prepare: atIntuned() },
  { ...result, status: 404, params: { ...known, run_id: 'run_9' }, prepare: atIntuned() },
  { ...result, status: 404, params: { ...known, projectName: 'other' }, prepare: atIntuned() },
  { ...result, status: 404 },
];

const said =
  (status: number, body: Json | undefined) =>
  (api: ScriptedApi): void => {
    api.vendors.answer = { status, body };
  };

/** Whatever the vendor answers passes back, a refusal too. */
function passedCases({ id, method, answers }: ProtocolDocument['operations'][number]): readonly Case[] {
  const success = [...answers.keys()].find((status) => status < 300) ?? 200;
  const call = { operation: id, params: known, ...(method === 'get' ? {} : { body: { any: [null] } }) };
  const refusal = { code: 'not-found', category: 'user', message: 'no', retirable: false, correlationId: 'c' };
  return [
    { ...call, status: success, prepare: said(success, success === 204 ? undefined : [{ id: 1 }]) },
    { ...call, status: 404, prepare: said(404, refusal) },
    { ...call, status: 404, prepare: said(404, undefined) },
    { ...call, status: 422, params: { ...known, workspaceId: '%00' } },
    {
      ...call,
      status: 503,
      prepare: (api) => {
        api.vendors.answer = new GatewayError('vendor_unavailable', { retryAfterSeconds: 5 });
      },
    },
  ];
}

function kindCases(kind: 'agent' | 'workflow'): readonly Case[] {
  const params = { name: 'Support', ownerId: runId, run_id: runId };
  const [one, owned, event] = [`get_${kind}_run`, `get_owned_${kind}_run`, `send_${kind}_event`];
  const begin = `start_${kind}`;
  const answer = { eventName: 'approval', eventInput: { approved: true } };
  return [
    { operation: begin, status: 200, params, body: { input: 1 }, prepare: atRestack(kind) },
    { operation: begin, status: 200, params, prepare: atRestack(kind) },
    { operation: begin, status: 404, params: { name: 'Other' }, prepare: atRestack(kind) },
    { operation: begin, status: 409, params, body: {}, prepare: conflict(atRestack(kind)) },
    { operation: begin, status: 422, params, body: { inptu: 1 }, prepare: atRestack(kind) },
    ...[one, owned].flatMap((operation) => [
      ...[{}, succeeded, failed, interrupted].map((run) => ({
        ...{ operation, status: 200, params, prepare: atRestack(kind, run) },
      })),
      { operation, status: 404, params: { ...params, run_id: absentId }, prepare: atRestack(kind) },
      { operation, status: 404, params: { ...params, name: 'Other' }, prepare: atRestack(kind) },
    ]),
    { operation: owned, status: 404, params: { ...params, ownerId: threadId }, prepare: atRestack(kind) },
    { operation: event, status: 200, params, body: answer, prepare: atRestack(kind, interrupted) },
    { operation: event, status: 200, params, body: { eventName: 'end' }, prepare: atRestack(kind) },
    { operation: event, status: 404, params: { ...params, run_id: absentId }, body: answer, prepare: atRestack(kind) },
    { operation: event, status: 409, params, body: answer, prepare: atRestack(kind) },
    { operation: event, status: 422, params, body: {}, prepare: atRestack(kind) },
  ];
}

const intuned = await readOwnDocument('/intuned/api/v1/workspace');
const passed = intuned.operations.filter(({ id }) => !['start_run', 'get_run_result'].includes(id));
const restack = await readOwnDocument('/restack');
const health = ['get_health', 'get_engine_health'].map((operation) => ({ operation, status: 200 }));

describe.each([
  ['/intuned/api/v1/workspace', intuned, [...ofRuns, ...passed.flatMap(passedCases)]],
  ['/restack', restack, [...kindCases('agent'), ...kindCases('workflow'), ...health]],
] as const)('conformance of %s', (prefix, document, cases) => {
  test('every status of the document is tested', () => {
    expect(untested(document, cases)).toEqual([]);
  });

  test.each(cases)('$operation answers $status as the document says (%#)', async (call) => {
    expect(await judgeByOwnDocument(prefix, document, call)).toEqual([]);
  });
});

test('a client that asks for a result is taken to ask again, in both protocols', async () => {
  await using site = await openProtocols();
  atIntuned()(site.api);
  await site.fetch(`/intuned/api/v1/workspace/ws/projects/shop/run/${runId}/result`);
  atRestack('agent')(site.api);
  await site.fetch(`/restack/api/agents/Support/${runId}`);
  expect(site.api.runs.polled).toEqual([
    { tenant: 'default', runId },
    { tenant: 'default', runId },
  ]);
});
