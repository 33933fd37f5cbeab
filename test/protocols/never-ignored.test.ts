import { describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import type { Site } from '../http/app.ts';
import { createProtocols, openProtocols } from './protocol-sites.ts';
import { agentId, runId } from './scripted-api.ts';
import { threadId } from './scripted-threads.ts';

/** The protocols with `server.unknownFields: ignore`, ACP 0.1 at the root too. */
async function openLenient(): Promise<Site> {
  const protocols = createProtocols('ignore');
  const mounts = protocols.map((protocol) => ({ protocol, prefix: protocol.prefix }));
  const root = protocols.slice(0, 1).map((protocol) => ({ protocol, prefix: '' }));
  return endRuns(await openProtocols({ mounts: [...mounts, ...root] }));
}

async function openStrict(): Promise<Site> {
  return endRuns(await openProtocols());
}

/** Runs are over at once, so that waits are answered and streams can be read to their end. */
function endRuns(site: Site): Site {
  site.api.runs.born = { phase: 'done', status: 'success', outcome: { kind: 'result', value: {} } };
  site.api.runs.script = (feed) => feed.give(null);
  return site;
}

async function answerOf(site: Site, path: string, body: Json): Promise<string> {
  const answer = await site.post(path, body);
  return `${answer.status} ${await answer.text()}`;
}

const v01 = '/acp/v0.1/runs';
const stateless = '/acp/v0.2/runs';
const stateful = `/acp/v0.2/threads/${threadId}/runs`;
const agentProtocol = '/agent-protocol/runs';
const everywhere = [
  ...['/runs', v01, stateless, `${stateless}/wait`, `${stateless}/stream`, stateful, `${stateful}/wait`],
  ...[`${stateful}/stream`, agentProtocol, `${agentProtocol}/wait`, `${agentProtocol}/stream`],
];

/** Members with values that clients send, and the paths that do not have them. */
const decisive: readonly (readonly [member: string, value: Json, paths: readonly string[]])[] = [
  ['command', { resume: 'yes' }, everywhere],
  ['command', { goto: 'node' }, everywhere],
  ['checkpoint', { checkpoint_id: runId }, everywhere],
  ['checkpoint_id', runId, everywhere],
  ['checkpoint_ns', 'a', everywhere],
  ['interrupt_before', '*', everywhere],
  ['interrupt_before', ['act'], everywhere],
  ['interrupt_after', ['plan'], everywhere],
  ['durability', 'exit', everywhere],
  ['checkpoint_during', true, everywhere],
  ['context', { tone: 'dry' }, everywhere],
  ['graph_id', 'fail', everywhere],
  ['agentId', 'fail', everywhere],
  ['assistantId', 'fail', everywhere],
  ['interruptBefore', ['act'], everywhere],
  ['Input', { a: 1 }, everywhere],
  ['multitaskStrategy', 'enqueue', everywhere],
  ['multitask_strategy', 'enqueue', ['/runs', v01, agentProtocol, `${agentProtocol}/wait`]],
  ['after_seconds', 60, ['/runs', v01, agentProtocol, `${agentProtocol}/stream`]],
  ['if_not_exists', 'create', ['/runs', v01, stateless, `${stateless}/wait`]],
  ['on_completion', 'keep', ['/runs', v01, stateful]],
  ['on_disconnect', 'continue', ['/runs', v01]],
  ['stream_mode', 'custom', ['/runs', v01]],
  ['streaming', 'custom', [stateless, stateful, agentProtocol]],
  ['messages', [{ role: 'user', content: 'hi' }], ['/runs', v01, stateless, stateful]],
  ['thread_id', threadId, [stateless, stateful, `${stateful}/stream`]],
];

test.each(decisive)('%s %j is refused although unknown fields are ignored', async (member, value, paths) => {
  await using site = await openLenient();
  for (const path of paths) {
    const answer = await answerOf(site, path, { input: { a: 1 }, [member]: value });
    expect([path, answer.slice(0, 3)]).toEqual([path, '422']);
    expect(answer).toContain(`the request is not valid: ${member} `);
  }
  expect(site.api.runs.created).toEqual([]);
});

test.each([
  ['multitask_strategy', 'wait', stateless],
  ['multitask_strategy', 'ENQUEUE', stateful],
  ['on_completion', 'complete', agentProtocol],
  ['on_disconnect', 'ignore', stateless],
  ['if_not_exists', 'make', stateful],
  ['after_seconds', '60', stateful],
  ['stream_mode', 'messages-tuple', stateless],
  ['stream_mode', ['values', 'events'], `${agentProtocol}/stream`],
])('%s %j, a value that the protocol does not have, is refused', async (member, value, path) => {
  await using site = await openLenient();
  expect(await answerOf(site, path, { input: {}, [member]: value })).toMatch(/^422 /);
  expect(site.api.runs.created).toEqual([]);
});

test.each(everywhere)('%s ignores members that decide nothing, and those that ask for nothing', async (path) => {
  await using site = await openLenient();
  const harmless = { note: 'x', feedback_keys: ['a'], stream_resumable: true, langsmith_tracer: {} };
  const empty = { command: null, checkpoint: null, interrupt_before: [], interrupt_after: null, assistant_id: null };
  expect(await answerOf(site, path, { input: { a: 1 }, ...harmless, ...empty })).toMatch(/^200 /);
  expect(site.api.runs.created).toMatchObject([{ request: { input: { a: 1 } } }]);
  expect(site.api.runs.created[0]?.request.origin?.extra ?? {}).toEqual({});
});

test('a wait of the Agent Protocol ignores stream_mode, which changes nothing of its answer', async () => {
  await using site = await openLenient();
  expect(await answerOf(site, `${agentProtocol}/wait`, { input: {}, stream_mode: 'values' })).toMatch(/^200 /);
  expect(site.api.runs.created[0]?.request.origin).toBeUndefined();
});

describe('assistant_id', () => {
  test.each(everywhere)('at %s it is another name of agent_id where unknown fields are ignored', async (path) => {
    await using site = await openLenient();
    expect(await answerOf(site, path, { assistant_id: 'price-scraper', input: {} })).toMatch(/^200 /);
    expect(await answerOf(site, path, { assistant_id: agentId, agent_id: agentId, input: {} })).toMatch(/^200 /);
    expect(site.api.runs.created.map(({ agent }) => agent)).toEqual(['price-scraper', agentId]);
    expect(await answerOf(site, path, { assistant_id: 'fail', input: {} })).toMatch(/^404 /);
    const both = await answerOf(site, path, { assistant_id: 'fail', agent_id: agentId, input: {} });
    expect(both).toContain('assistant_id is another agent than agent_id');
    expect(await answerOf(site, path, { assistant_id: 7, input: {} })).toMatch(/^422 .*assistant_id must be a string/);
    // The third one names an agent that does not exist.
    expect(site.api.runs.created.map(({ agent }) => agent)).toEqual(['price-scraper', agentId, 'fail']);
  });

  test.each(everywhere)('at %s it is refused where unknown fields are', async (path) => {
    await using site = await openStrict();
    const answer = await answerOf(site, path, { assistant_id: 'price-scraper', input: {} });
    expect(answer).toMatch(/^422 .*assistant_id is not a known member; the agent is named by .*agent_id/);
    expect(site.api.runs.created).toEqual([]);
  });

  test('it names the agent of searches and of threads too', async () => {
    await using site = await openLenient();
    for (const path of [v01, stateless, agentProtocol]) {
      expect(await answerOf(site, `${path}/search`, { assistant_id: agentId })).toMatch(/^200 /);
      expect(site.api.runs.searched.at(-1)).toMatchObject({ agentId });
    }
    expect(await answerOf(site, '/acp/v0.1/threads', { assistant_id: 'price-scraper' })).toMatch(/^200 /);
    expect(site.api.threads.created).toMatchObject([{ agent: 'price-scraper' }]);
    expect(await answerOf(site, '/acp/v0.1/threads', {})).toMatch(/^422 .*agent_id is required/);
  });

  test.each(['reject', 'ignore'] as const)(
    'run.start takes both names of one agent, with %s',
    async (unknownFields) => {
      await using site = unknownFields === 'ignore' ? await openLenient() : await openStrict();
      const start = (params: JsonObject) =>
        answerOf(site, `/agent-protocol/threads/${threadId}/commands`, { id: 1, method: 'run.start', params });
      expect(await start({ assistant_id: 'price-scraper', input: 1 })).toContain('"success"');
      expect(site.api.runs.created).toMatchObject([{ agent: 'price-scraper' }]);
      const both = await start({ assistant_id: 'fail', agent_id: 'price-scraper', input: 1 });
      expect(both).toContain('assistant_id: is another agent than agent_id');
    },
  );
});

test.each(['command', 'interrupt_before', 'after_seconds', 'thread_id', 'checkpoint'])(
  'run.start with %s is refused although unknown fields are ignored',
  async (member) => {
    await using site = await openLenient();
    const command = { id: 1, method: 'run.start', params: { input: 1, [member]: 'x' } };
    const answer = await answerOf(site, `/agent-protocol/threads/${threadId}/commands`, command);
    expect(answer).toContain(`"invalid_argument","message":"params/${member}: `);
    expect(site.api.runs.created).toEqual([]);
  },
);

test.each(['agent_id', 'assistant_id', 'input', 'config', 'thread_id', 'webhook'])(
  'a command with %s outside its params is refused, because only they are looked at',
  async (member) => {
    for (const open of [openLenient, openStrict]) {
      await using site = await open();
      const command = { id: 1, method: 'run.start', params: { input: 1 }, [member]: 'x' };
      const answer = await answerOf(site, `/agent-protocol/threads/${threadId}/commands`, command);
      expect(answer).toContain(`"invalid_argument","message":"${member}: belongs into params"`);
      expect(site.api.runs.created).toEqual([]);
      const further = { id: 1, method: 'run.start', params: { input: 1 }, trace: 'x' };
      expect(await answerOf(site, `/agent-protocol/threads/${threadId}/commands`, further)).toContain('"success"');
    }
  },
);

test('an answer to an interrupt and a fork do not drop what decides something', async () => {
  await using site = await openLenient();
  const send = (method: string, params: JsonObject) =>
    answerOf(site, `/agent-protocol/threads/${threadId}/commands`, { id: 1, method, params });
  expect(await send('input.respond', { response: 1, webhook: 'https://a.example/' })).toContain('invalid_argument');
  expect(await send('input.respond', { response: 1, config: {} })).toContain('invalid_argument');
  expect(await send('state.fork', { checkpoint_id: runId, assistant_id: 'fail' })).toContain('params/assistant_id: ');
});

test.each(['agent_id=fail', 'assistant_id=fail', 'webhook=https%3A%2F%2Fa.example', 'agentId=fail', 'input=1'])(
  'a creation with the query ?%s is refused, because only the body is looked at',
  async (query) => {
    for (const open of [openLenient, openStrict]) {
      await using site = await open();
      for (const path of everywhere) {
        const answer = await answerOf(site, `${path}?${query}`, { input: {} });
        expect(answer).toMatch(/^422 .*stands in the query; send it in the body/);
      }
      expect(await answerOf(site, `${v01}?trace=1`, { input: {} })).toMatch(/^200 /);
    }
  },
);
