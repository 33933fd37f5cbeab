import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { version as mcpVersion, stateless, tasking } from '../gateway/mcp-site.ts';
import { ask, objectIn, stringIn } from '../gateway/protocols.ts';
import { openSite, type Site, support } from '../gateway/site.ts';
import { RestackStandIn } from '../gateway/stand-ins.ts';
import type { VendorRun } from '../gateway/vendor.ts';

// A run is begun in each protocol, seen in each that can name it, and followed or cancelled in each that can do that.

vi.setConfig({ testTimeout: 60_000 });

let restack: RestackStandIn;
let site: Site;
let url: string;

beforeAll(async () => {
  restack = await RestackStandIn.open();
  restack.plan = () => ({ status: 'running' });
  const text = { type: 'object', required: ['message'], properties: { message: { type: 'string' } } };
  site = await openSite({ restack, agents: [{ ...support, schemas: { input: text } }] });
  url = site.client.url;
});
afterAll(async () => {
  await site[Symbol.asyncDispose]();
  await restack[Symbol.asyncDispose]();
});

const input = { message: 'hi' };
const a2aHeaders = { 'a2a-version': '1.0' };
type Named = { readonly runId: string; readonly threadId: string | null };

async function rpc(method: string, params: JsonObject): Promise<JsonObject> {
  const body = { jsonrpc: '2.0', id: 1, method, params };
  return objectIn((await ask(url, 'POST', '/a2a/support', body, a2aHeaders)).body);
}

async function mcp(method: string, params: JsonObject): Promise<JsonObject> {
  const headers = {
    'mcp-protocol-version': mcpVersion,
    'mcp-method': method,
    'mcp-name': String(params.name ?? params.taskId),
  };
  const accept = 'application/json, text/event-stream';
  const { body } = await ask(url, 'POST', '/mcp', stateless(method, params, tasking), { ...headers, accept });
  return objectIn(objectIn(body).result ?? body);
}

/** The run that an answer's `Content-Location` names. */
function locatedIn(answer: { readonly headers: Headers }): string {
  return /[0-9a-f]{8}-[0-9a-f-]{27}/.exec(answer.headers.get('content-location') ?? '')?.[0] ?? 'no location';
}

/** A stream that is collected as garbage is a client that leaves, with which a run of AG-UI ends. */
const heldStreams: Response[] = [];

/** Begins a run whose end is not awaited, and gives its id. */
const beginners: Readonly<Record<string, () => Promise<string>>> = {
  'acp 0.1': async () =>
    stringIn((await ask(url, 'POST', '/acp/v0.1/runs', { agent_id: 'support', input })).body, 'run_id'),
  'acp 0.2': async () =>
    stringIn((await ask(url, 'POST', '/acp/v0.2/runs', { agent_id: 'support', input })).body, 'run_id'),
  'agent protocol': async () =>
    stringIn((await ask(url, 'POST', '/agent-protocol/runs', { agent_id: 'support', input })).body, 'run_id'),
  langgraph: async () => {
    const threadId = stringIn((await ask(url, 'POST', '/langgraph/threads', {})).body, 'thread_id');
    const body = { assistant_id: 'support', input };
    return stringIn((await ask(url, 'POST', `/langgraph/threads/${threadId}/runs`, body)).body, 'run_id');
  },
  openai: async () => {
    const body = { model: 'support', input: 'hi', background: true };
    return stringIn((await ask(url, 'POST', '/v1/responses', body)).body, 'id').replace('resp_', '');
  },
  'ag-ui': async () => {
    const id = crypto.randomUUID();
    const messages = [{ id, role: 'user', content: 'hi' }];
    const asked = { threadId: id, runId: id, messages, state: {}, tools: [], context: [], forwardedProps: {} };
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${url}/ag-ui/support`, { method: 'POST', headers, body: JSON.stringify(asked) });
    heldStreams.push(answer);
    return locatedIn(answer);
  },
  restack: async () => stringIn((await ask(url, 'POST', '/restack/api/agents/support', { input })).body, 'runId'),
  mcp: async () => stringIn(await mcp('tools/call', { name: 'support', arguments: input }), 'taskId'),
  'a2a by JSON-RPC': async () => {
    const message = { messageId: crypto.randomUUID(), role: 'ROLE_USER', parts: [{ data: input }] };
    const { result } = await rpc('SendMessage', { message, configuration: { returnImmediately: true } });
    return stringIn(objectIn(result).task, 'id');
  },
  'a2a by HTTP': async () => {
    const message = { messageId: crypto.randomUUID(), role: 'ROLE_USER', parts: [{ data: input }] };
    const body = { message, configuration: { returnImmediately: true } };
    return stringIn(objectIn((await ask(url, 'POST', '/a2a/support/message:send', body, a2aHeaders)).body).task, 'id');
  },
};

const live = /^(pending|running|in_progress|queued|working|TASK_STATE_(SUBMITTED|WORKING))$/;
const acpOver = /^(success|error)$/;

/** What a protocol says of a run: its word for the state; null where it cannot name the run. */
type Reader = { readonly read: (run: Named) => Promise<Json | null>; readonly over: RegExp };

const got = async (path: string, member = 'status') =>
  objectIn((await ask(url, 'GET', path, undefined, a2aHeaders)).body)[member] ?? '';
const listed = async (path: string, runId: string): Promise<Json> => {
  const { body } = await ask(url, 'POST', path, { limit: 100 });
  return (body as JsonObject[]).find((each) => each.run_id === runId)?.status ?? 'not listed';
};

const readers: Readonly<Record<string, Reader>> = {
  'acp 0.1': { read: async ({ runId }) => await got(`/acp/v0.1/runs/${runId}`), over: acpOver },
  'acp 0.2': { read: async ({ runId }) => await got(`/acp/v0.2/runs/${runId}`), over: acpOver },
  'a search of acp 0.1': { read: async ({ runId }) => await listed('/acp/v0.1/runs/search', runId), over: acpOver },
  'agent protocol': { read: async ({ runId }) => await got(`/agent-protocol/runs/${runId}`), over: acpOver },
  'a search of the agent protocol': {
    read: async ({ runId }) => await listed('/agent-protocol/runs/search', runId),
    over: acpOver,
  },
  // Its runs are named with their thread.
  langgraph: {
    read: async ({ runId, threadId }) =>
      threadId === null ? null : await got(`/langgraph/threads/${threadId}/runs/${runId}`),
    over: /^(success|error|interrupted)$/,
  },
  openai: {
    read: async ({ runId }) => await got(`/v1/responses/resp_${runId}`),
    over: /^(completed|failed|cancelled)$/,
  },
  restack: {
    read: async ({ runId }) => await got(`/restack/api/agents/support/${runId}`),
    over: /^(completed|failed|cancelled)$/,
  },
  mcp: {
    read: async ({ runId }) => (await mcp('tasks/get', { taskId: runId })).status ?? '',
    over: /^(completed|failed|cancelled)$/,
  },
  'a2a by JSON-RPC': {
    read: async ({ runId }) => stateOf((await rpc('GetTask', { id: runId })).result ?? {}),
    over: /^TASK_STATE_(COMPLETED|CANCELED)$/,
  },
  'a2a by HTTP': {
    read: async ({ runId }) =>
      stateOf((await ask(url, 'GET', `/a2a/support/tasks/${runId}`, undefined, a2aHeaders)).body),
    over: /^TASK_STATE_(COMPLETED|CANCELED)$/,
  },
  'a list of a2a': {
    read: async ({ runId }) => {
      const { tasks } = objectIn((await rpc('ListTasks', { pageSize: 100 })).result ?? {});
      return stateOf((tasks as JsonObject[]).find(({ id }) => id === runId) ?? { status: { state: 'not listed' } });
    },
    over: /^TASK_STATE_(COMPLETED|CANCELED)$/,
  },
};

function stateOf(task: Json): Json {
  return objectIn(objectIn(task).status ?? {}).state ?? '';
}

/** A stream to its end, as text. */
const followers: Readonly<Record<string, (run: Named) => Promise<Response> | null>> = {
  'acp 0.1': ({ runId }) => fetch(`${url}/acp/v0.1/runs/${runId}/stream`),
  'acp 0.2': ({ runId }) => fetch(`${url}/acp/v0.2/runs/${runId}/stream`),
  'agent protocol': ({ runId }) => fetch(`${url}/agent-protocol/runs/${runId}/stream`),
  langgraph: ({ runId, threadId }) =>
    threadId === null ? null : fetch(`${url}/langgraph/threads/${threadId}/runs/${runId}/stream`),
  openai: ({ runId }) => fetch(`${url}/v1/responses/resp_${runId}?stream=true`),
  'a2a by JSON-RPC': ({ runId: id }) => {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'SubscribeToTask', params: { id } });
    const headers = { ...a2aHeaders, 'content-type': 'application/json' };
    return fetch(`${url}/a2a/support`, { method: 'POST', headers, body });
  },
  'a2a by HTTP': ({ runId }) => fetch(`${url}/a2a/support/tasks/${runId}:subscribe`, { headers: a2aHeaders }),
};

/** Null: the protocol cannot name this run. ACP 0.1 has none: it deletes runs. */
const cancellers: Readonly<Record<string, (run: Named) => Promise<unknown> | null>> = {
  'acp 0.2': ({ runId }) => ask(url, 'POST', `/acp/v0.2/runs/${runId}/cancel`),
  'agent protocol': ({ runId }) => ask(url, 'POST', `/agent-protocol/runs/${runId}/cancel`),
  langgraph: ({ runId, threadId }) =>
    threadId === null ? null : ask(url, 'POST', `/langgraph/threads/${threadId}/runs/${runId}/cancel`),
  openai: ({ runId }) => ask(url, 'POST', `/v1/responses/resp_${runId}/cancel`),
  // The owner of a run is its thread, where it has one.
  restack: ({ runId, threadId }) =>
    ask(url, 'PUT', `/restack/api/agents/support/${threadId ?? runId}/${runId}`, { eventName: 'end' }),
  mcp: ({ runId }) => mcp('tasks/cancel', { taskId: runId }),
  'a2a by JSON-RPC': ({ runId: id }) => rpc('CancelTask', { id }),
  'a2a by HTTP': ({ runId }) => ask(url, 'POST', `/a2a/support/tasks/${runId}:cancel`, undefined, a2aHeaders),
};

async function begin(from: string): Promise<{ readonly run: Named; readonly upstream: VendorRun }> {
  const at = restack.runs.length;
  const runId = (await beginners[from]?.()) ?? '';
  const upstream = await restack.bell.until(() => restack.runs[at]);
  await upstream.seen();
  const { thread_id: threadId = null } = objectIn((await ask(url, 'GET', `/acp/v0.1/runs/${runId}`)).body);
  return { run: { runId, threadId: threadId as string | null }, upstream };
}

/** What each protocol says of the run, where that is not expected. */
async function wrong(run: Named, expected: (reader: Reader) => RegExp): Promise<readonly string[]> {
  const said = await Promise.all(
    Object.entries(readers).map(async ([name, reader]) => {
      const state = await reader.read(run);
      return state === null || expected(reader).test(String(state)) ? [] : [`${name}: ${JSON.stringify(state)}`];
    }),
  );
  return said.flat();
}

test.each(Object.keys(beginners))(
  'a run begun over %s is seen over every protocol that can name it, and streamed to its end over each that streams',
  async (from) => {
    const { run, upstream } = await begin(from);
    expect(await wrong(run, () => live)).toEqual([]);
    const open = Object.entries(followers).flatMap(([name, follow]) => {
      const stream = follow(run);
      return stream === null ? [] : [{ name, stream }];
    });
    const streams = await Promise.all(open.map(async ({ name, stream }) => ({ name, answer: await stream })));
    expect(streams.filter(({ answer }) => answer.status !== 200).map(({ name }) => name)).toEqual([]);
    upstream.say({ status: 'completed', output: { reply: 'bye' } });
    const texts = await Promise.all(streams.map(async ({ name, answer }) => ({ name, text: await answer.text() })));
    expect(texts.filter(({ text }) => !text.includes('bye')).map(({ name }) => name)).toEqual([]);
    expect(await wrong(run, ({ over }) => over)).toEqual([]);
  },
);

test.each(Object.keys(beginners))(
  'a run begun over %s is cancelled over each protocol that can name it',
  async (from) => {
    for (const [name, cancel] of Object.entries(cancellers)) {
      const { run } = await begin(from);
      if ((await cancel(run)) === null) continue;
      expect([name, await wrong(run, ({ over }) => over)]).toEqual([name, []]);
    }
  },
);
