import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { isJsonObject } from '../../src/json/json-object.ts';

type Answer = { readonly status: number; readonly headers: Headers; readonly body: Json };

export async function ask(url: string, method: string, path: string, body?: Json, headers = {}): Promise<Answer> {
  const sent = body === undefined ? {} : { 'content-type': 'application/json' };
  const init = {
    method,
    headers: { ...sent, ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  };
  const answer = await fetch(`${url}${path}`, init);
  const text = await answer.text();
  const isJson = answer.headers.get('content-type')?.startsWith('application/json') === true;
  return { status: answer.status, headers: answer.headers, body: isJson ? (JSON.parse(text) as Json) : text };
}

/** A run's end, independent of the protocol. */
type Ended = { readonly runId: string; readonly value?: Json; readonly errcode?: Json; readonly reason?: Json };

/** Runs on threads, as one protocol has them. */
type Speaker = {
  readonly name: string;
  /** A new thread for the agent. */
  open(url: string, agent: string): Promise<string>;
  /** A run on it, to its end. */
  run(url: string, threadId: string, agent: string, input: Json): Promise<Ended>;
  /** The thread's state. */
  state(url: string, threadId: string): Promise<Json>;
  /** The status of the answer. */
  remove(url: string, threadId: string): Promise<number>;
};

export const speakers: readonly Speaker[] = [
  {
    name: 'ACP 0.1',
    open: async (url, agent_id) => stringIn((await ask(url, 'POST', '/threads', { agent_id })).body, 'thread_id'),
    async run(url, thread_id, agent_id, input) {
      const created = await ask(url, 'POST', '/runs', { agent_id, thread_id, input });
      const runId = stringIn(created.body, 'run_id');
      const { body } = await ask(url, 'GET', `/runs/${runId}/output?block_timeout=30`);
      const { result, errcode, description } = objectIn(body);
      return errcode === undefined ? { runId, value: result ?? null } : { runId, errcode, reason: description ?? null };
    },
    state: async (url, threadId) => (await ask(url, 'GET', `/threads/${threadId}/state`)).body,
    remove: async (url, threadId) => (await ask(url, 'DELETE', `/threads/${threadId}`)).status,
  },
  {
    name: 'ACP 0.2',
    open: async (url) => stringIn((await ask(url, 'POST', '/acp/v0.2/threads', {})).body, 'thread_id'),
    async run(url, threadId, agent_id, input) {
      const { body } = await ask(url, 'POST', `/acp/v0.2/threads/${threadId}/runs/wait`, { agent_id, input });
      const { run, output } = objectIn(body);
      const { values, errcode, description } = objectIn(output);
      const runId = stringIn(run, 'run_id');
      return errcode === undefined ? { runId, value: values ?? null } : { runId, errcode, reason: description ?? null };
    },
    state: async (url, threadId) =>
      objectIn((await ask(url, 'GET', `/acp/v0.2/threads/${threadId}`)).body).values ?? {},
    remove: async (url, threadId) => (await ask(url, 'DELETE', `/acp/v0.2/threads/${threadId}`)).status,
  },
  {
    name: 'Agent Protocol',
    open: async (url) => stringIn((await ask(url, 'POST', '/agent-protocol/threads', {})).body, 'thread_id'),
    async run(url, thread_id, agent_id, input) {
      const { body } = await ask(url, 'POST', '/agent-protocol/runs/wait', { agent_id, thread_id, input });
      const { run, values, error } = objectIn(body);
      const runId = stringIn(run, 'run_id');
      if (error === undefined) return { runId, value: values ?? null };
      const { message, metadata } = objectIn(error);
      return { runId, errcode: objectIn(metadata).errcode ?? null, reason: message ?? null };
    },
    state: async (url, threadId) =>
      objectIn((await ask(url, 'GET', `/agent-protocol/threads/${threadId}`)).body).values ?? {},
    remove: async (url, threadId) => (await ask(url, 'DELETE', `/agent-protocol/threads/${threadId}`)).status,
  },
];

export function objectIn(value: Json | undefined): JsonObject {
  if (isJsonObject(value)) return value;
  throw new Error(`no object: ${JSON.stringify(value)}`);
}

export function stringIn(value: Json | undefined, name: string): string {
  const found = objectIn(value)[name];
  if (typeof found === 'string') return found;
  throw new Error(`no ${name} in ${JSON.stringify(value)}`);
}
