import { beforeAll, describe, expect, test } from 'vitest';
import { GatewayError } from '../../src/contract/domain/errors.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import { documentsAbsent } from './acp-documents.ts';
import {
  become,
  busy,
  type Case,
  cancelCases,
  creationCases,
  deletionCases,
  failed,
  interrupted,
  known,
  live,
  readCases,
  resumeCases,
  searchCases,
  storeCases,
  streamingCases,
  succeeded,
  threadCases,
  type Unreached,
} from './conformance-cases.ts';
import { parseEvents } from './event-lines.ts';
import { ProtocolDocument } from './protocol-document.ts';
import { createProtocols, openProtocols } from './protocol-sites.ts';
import { absentId, agentId, type ScriptedApi } from './scripted-api.ts';
import { threadId } from './scripted-threads.ts';

const noConflict = 'nothing conflicts with a read';
const noMatch = 'a search that finds nothing answers an empty list';
const asked = { input: { url: 'https://shop.test/1' }, metadata: { team: 'a' }, webhook: 'https://hooks.test/1' };
const config = { tags: ['t'], recursion_limit: 3, configurable: { retry: 1 } };

const v01: readonly Case[] = [
  ...searchCases('search_agents', { name: 'price-scraper', version: '1.2.3' }),
  ...readCases('get_agent_by_ID'),
  ...readCases('get_acp_descriptor_by_id'),
  ...creationCases(
    'create_run',
    [
      { agent_id: agentId },
      { agent_id: agentId, ...asked, config: { a: 1 }, streaming: 'result', thread_id: threadId },
    ],
    { agent_id: agentId, thread_id: threadId },
  ),
  ...searchCases('search_runs', { agent_id: agentId, status: 'pending', metadata: { a: 1 } }),
  ...resumeCases('resume_run'),
  ...deletionCases('delete_run', 200),
  ...readCases('get_run'),
  ...readCases('get_run_output', become(succeeded)),
  { operation: 'get_run_output', status: 200, params: known, prepare: become(failed) },
  { operation: 'get_run_output', status: 200, params: known, prepare: become(interrupted) },
  { operation: 'get_run_output', status: 204, params: known, prepare: live },
  ...readCases('get_run_stream'),
  { operation: 'create_thread', status: 200, body: { agent_id: agentId, metadata: { team: 'a' } } },
  { operation: 'create_thread', status: 404, body: { agent_id: absentId } },
  { operation: 'create_thread', status: 422, body: { metadata: {} } },
  ...searchCases('search_threads', { agent_id: agentId, metadata: { team: 'a' } }),
  ...deletionCases('delete_thread', 200),
  { operation: 'delete_thread', status: 409, params: known, prepare: busy },
  ...readCases('get_thread'),
  ...readCases('get_thread_state'),
  ...readCases('get_thread_history'),
  ...readCases('get_run_threadstate'),
  { operation: 'get_run_threadstate', status: 409, params: known },
];

const v01Unreached: readonly Unreached[] = [
  ...['get_run', 'get_run_output', 'get_run_stream', 'get_thread', 'get_thread_state', 'get_thread_history'].map(
    (operation) => ({ operation, status: 409, why: noConflict }),
  ),
  { operation: 'get_run_stream', status: 204, why: 'a stream begins with what there is, and waits for the rest' },
  { operation: 'delete_run', status: 409, why: 'a run that is live is cancelled first' },
  { operation: 'create_thread', status: 409, why: 'the gateway makes the id' },
];

const keyUnderWay = (api: ScriptedApi): void => {
  api.runs.failure = new GatewayError('idempotency_in_progress');
};

const v02Bodies: readonly Json[] = [
  { agent_id: agentId },
  {
    ...asked,
    config,
    input: 'text',
    stream_mode: ['values', 'custom'],
    on_disconnect: 'continue',
    multitask_strategy: 'enqueue',
    after_seconds: 5,
  },
  { input: [1, 'a'], stream_mode: null },
];

function v02Runs(noun: 'stateless_run' | 'thread_run'): readonly Case[] {
  return (
    [`create_${noun}`, `create_and_stream_${noun}_output`, `create_and_wait_for_${noun}_output`]
      .flatMap((operation) => creationCases(operation, v02Bodies, {}))
      // A stateless run has no thread that could be busy: its conflict is an idempotency key under way.
      .map((each) => (each.status === 409 && noun === 'stateless_run' ? { ...each, prepare: keyUnderWay } : each))
      .concat(
        [`wait_for_${noun}_output`, `stream_${noun}_output`].flatMap((operation) =>
          readCases(operation, become(succeeded)),
        ),
        [failed, interrupted].map((changes) => ({
          operation: `wait_for_${noun}_output`,
          status: 200,
          params: known,
          prepare: become(changes),
        })),
        readCases(`get_${noun}`),
        resumeCases(`resume_${noun}`),
        deletionCases(`delete_${noun}`, 204),
        cancelCases(`cancel_${noun}`),
      )
  );
}

const v02: readonly Case[] = [
  ...searchCases('search_agents', { name: 'price-scraper' }),
  ...readCases('get_agent_by_id'),
  ...readCases('get_acp_descriptor_by_id'),
  ...threadCases({ metadata: { a: 1 }, values: 'text', messages: [{ role: 'user', content: 'hi' }] }),
  ...readCases('list_thread_runs'),
  { operation: 'list_thread_runs', status: 422, params: known, query: 'offset=-1', prepare: live },
  ...v02Runs('thread_run'),
  ...v02Runs('stateless_run'),
  ...searchCases('search_stateless_runs', { agent_id: agentId, status: 'error', metadata: { a: 1 } }),
];

const apBodies: readonly Json[] = [
  {},
  { ...asked, config, agent_id: agentId, on_completion: 'keep', on_disconnect: 'continue' },
  { input: null, messages: [{ role: 'user', content: 'hi' }], thread_id: threadId, if_not_exists: 'create' },
];
const apConflict = { thread_id: threadId };

const agentProtocol: readonly Case[] = [
  ...searchCases('search_agents', { name: 'price-scraper', metadata: {} }),
  ...readCases('get_agent'),
  ...readCases('get_agent_schemas'),
  ...threadCases({ metadata: { a: 1 }, values: { more: 1 }, messages: [{ role: 'user', content: 'hi' }] }),
  ...searchCases('search_runs', { agent_id: agentId, thread_id: threadId, status: 'error', metadata: { a: 1 } }),
  ...creationCases(
    'create_run',
    [...apBodies, { stream_mode: 'custom' }, { stream_mode: ['values', 'updates'] }],
    apConflict,
  ),
  ...creationCases('create_and_stream_run', [...apBodies, { stream_mode: 'messages' }], apConflict),
  ...creationCases('create_and_wait_run', apBodies, apConflict),
  ...readCases('get_run'),
  ...deletionCases('delete_run', 204),
  ...readCases('wait_run', become(succeeded)),
  { operation: 'wait_run', status: 200, params: known, prepare: become(failed) },
  { operation: 'wait_run', status: 200, params: known, prepare: become(interrupted) },
  ...readCases('stream_run'),
  ...cancelCases('cancel_run'),
  ...storeCases(),
  ...streamingCases(),
];

const agentProtocolUnreached: readonly Unreached[] = [
  {
    operation: 'open_thread_websocket_stream',
    status: 101,
    why: 'a fetch cannot be upgraded: test/protocols/agent-protocol-thread-socket.test.ts does it',
  },
  ...['search_agents', 'search_runs'].map((operation) => ({ operation, status: 404, why: noMatch })),
  { operation: 'get_item', status: 400, why: 'a request that is not valid is 422, as everywhere' },
];

const protocols = [
  { file: 'acp-0.1.openapi.yaml', prefix: '/acp/v0.1', cases: v01, unreached: v01Unreached },
  { file: 'acp-0.2.3.openapi.json', prefix: '/acp/v0.2', cases: v02, unreached: [] },
  {
    file: 'agent-protocol-0.1.6.openapi.json',
    prefix: '/agent-protocol',
    cases: agentProtocol,
    unreached: agentProtocolUnreached,
  },
];

type Protocol = (typeof protocols)[number];

/** Faults of the answer to one call, by the protocol's own document. */
async function judgeCall(protocol: Protocol, document: ProtocolDocument, call: Case): Promise<readonly string[]> {
  await using site = await openProtocols();
  call.prepare?.(site.api);
  const operation = document.find(call.operation);
  const path = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => call.params?.[name] ?? '');
  const url = `${protocol.prefix}${path}${call.query === undefined ? '' : `?${call.query}`}`;
  const answer = await site.fetch(url, {
    method: operation.method.toUpperCase(),
    ...(call.body === undefined
      ? {}
      : { body: JSON.stringify(call.body), headers: { 'content-type': 'application/json' } }),
  });
  const text = await answer.text();
  if (answer.status !== call.status) return [`${answer.status} instead of ${call.status}: ${text}`];
  const [mediaType] = operation.answers.get(answer.status) ?? ['application/json'];
  if (mediaType === undefined) return text === '' ? [] : [`a body where the document has none: ${text}`];
  if (answer.headers.get('content-type') === 'text/event-stream')
    return judgeStream(protocol, call.operation, document, text);
  if (answer.headers.get('content-type') !== mediaType) return [`not ${mediaType}`];
  // A status that the document does not know has the document's error all the same.
  if (!operation.answers.has(answer.status)) return document.judge('ErrorResponse', JSON.parse(text));
  return document.judgeAnswer(operation, answer.status, mediaType, JSON.parse(text));
}

function judgeStream(
  { file }: Protocol,
  operation: string,
  document: ProtocolDocument,
  text: string,
): readonly string[] {
  const events = parseEvents(text);
  if (events.length === 0) return ['a stream without events'];
  // The Agent Protocol leaves the events of a run open.
  const shown = events.map((event) => ({ ...event, data: JSON.parse(event.data) as unknown }));
  if (operation === 'open_thread_sse_stream') {
    return shown.flatMap(({ id, event, data }) => [
      ...document.judge('StreamingEvent', data),
      ...(isJsonObject(data as Json) && (data as JsonObject).seq === Number(id) ? [] : [`${id} is not its seq`]),
      ...((data as JsonObject).method === event ? [] : [`${event} is not its method`]),
    ]);
  }
  if (file.startsWith('agent-protocol')) return [];
  return shown.flatMap((event) => document.judge('RunOutputStream', event));
}

describe.skipIf(documentsAbsent !== null)(`conformance (${documentsAbsent ?? 'documents present'})`, () => {
  for (const published of protocols) {
    describe(published.file, () => {
      let document: ProtocolDocument;
      // The body of a skipped suite is run all the same, so a document is read where only tests reach it.
      beforeAll(() => {
        document = ProtocolDocument.read(published.file);
      });
      const protocol = createProtocols().find(({ prefix }) => prefix === published.prefix);
      const served = protocol?.operations.map(({ id }) => id) ?? [];

      test('every operation of the document is served under its method and path', () => {
        const own = protocol?.operations.map(({ id, method, path }) => [
          id,
          method,
          path.replaceAll(/:(\w+)/g, '{$1}'),
        ]);
        const theirs = document.operations.map(({ id, method, path }) => [id, method.toUpperCase(), path]);
        expect(new Set(own?.map(String))).toEqual(new Set(theirs.map(String)));
      });

      test('every status of the document is tested, or known not to occur', () => {
        const shown = [...published.cases, ...published.unreached].map(
          ({ operation, status }) => `${operation} ${status}`,
        );
        const documented = served.flatMap((id) =>
          [...document.find(id).answers.keys()].map((status) => `${id} ${status}`),
        );
        expect(documented.filter((each) => !shown.includes(each))).toEqual([]);
      });

      test.each(published.cases)('$operation answers $status as the document says (%#)', async (call) => {
        expect(await judgeCall(published, document, call)).toEqual([]);
      });
    });
  }
});
