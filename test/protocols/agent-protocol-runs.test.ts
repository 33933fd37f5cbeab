import { describe, expect, test } from 'vitest';
import type { Json } from '../../src/contract/domain/json.ts';
import type { Run } from '../../src/contract/domain/run.ts';
import { parseEvents } from './event-lines.ts';
import { createProtocols, openProtocols } from './protocol-sites.ts';
import { absentId, agentId, agentOf, eventOf, runId, runOf } from './scripted-api.ts';
import { threadId } from './scripted-threads.ts';

const base = '/agent-protocol';

const plain = {
  run_id: runId,
  agent_id: agentId,
  created_at: '2026-01-02T03:04:05.678Z',
  updated_at: '2026-01-02T03:04:06.000Z',
  status: 'pending',
  metadata: {},
};

const said = [{ role: 'user', content: [{ type: 'text', text: 'hi' }], id: 'm-1', name: 'kept' }];

const asked = {
  input: [1, 'a'],
  messages: said,
  metadata: { team: 'a' },
  config: { tags: ['t'], recursion_limit: 7, configurable: { retry: 1 } },
  webhook: 'https://hooks.test/r',
  stream_mode: ['values', 'updates'],
  on_completion: 'delete',
  on_disconnect: 'continue',
  if_not_exists: 'create',
};

describe('runs of the Agent Protocol', () => {
  test('a run is flat and contains its creation', async () => {
    await using site = await openProtocols();
    const answer = await site.post(`${base}/runs`, { ...asked, agent_id: 'price-scraper', thread_id: threadId });
    expect([answer.status, answer.headers.get('content-location')]).toEqual([200, `${base}/runs/${runId}`]);
    expect(await answer.json()).toEqual({ ...plain, ...asked, thread_id: threadId });
    const [command] = site.api.runs.created;
    expect(command?.thread).toEqual({ threadId, ifNotExists: 'create', whenBusy: 'reject' });
    expect(command?.request).toMatchObject({ messages: said, config: { retry: 1 }, onCompletion: 'delete' });
  });

  test('a run of another protocol is shown without the members that the Agent Protocol lacks', async () => {
    await using site = await openProtocols();
    await site.post('/acp/v0.2/runs', { stream_mode: null, after_seconds: 5, multitask_strategy: 'enqueue', input: 1 });
    expect(await (await site.fetch(`${base}/runs/${runId}`)).json()).toEqual({ ...plain, input: 1 });
  });

  test('runs are searched for by thread and agent, deleted and cancelled', async () => {
    await using site = await openProtocols();
    const filter = { status: 'error', metadata: { a: 1 }, limit: 3, offset: 2 };
    const found = await site.post(`${base}/runs/search`, { ...filter, thread_id: threadId, agent_id: 'price-scraper' });
    expect(await found.json()).toEqual([plain]);
    expect((await site.post(`${base}/runs/search`, { select: ['input'] })).status).toBe(200);
    expect(site.api.runs.searched).toEqual([
      { ...filter, tenant: 'default', threadId, agentId, omitInput: true },
      { tenant: 'default', omitInput: false, limit: 10, offset: 0 },
    ]);
    expect(await (await site.post(`${base}/runs/search`, { agent_id: 'nobody' })).json()).toEqual([]);
    const cancelled = await site.fetch(`${base}/runs/${runId}/cancel?action=rollback&wait=false`, { method: 'POST' });
    expect([cancelled.status, await cancelled.text()]).toEqual([204, '']);
    expect(site.api.runs.cancelled).toEqual([{ tenant: 'default', runId, action: 'rollback', wait: false }]);
    site.api.runs.byId.set(runId, runOf({}));
    expect((await site.fetch(`${base}/runs/${runId}`, { method: 'DELETE' })).status).toBe(204);
    expect((await site.fetch(`${base}/runs/${runId}`)).status).toBe(404);
  });
});

describe('waits of the Agent Protocol', () => {
  const messages = [{ role: 'ai', content: 'x' }];
  test.each<[name: string, changes: Partial<Run>, rest: object]>([
    ['an object', { status: 'success', outcome: { kind: 'result', value: { a: 1 } } }, { values: { a: 1 } }],
    [
      'messages',
      { status: 'success', outcome: { kind: 'result', value: { messages } } },
      { values: { messages }, messages },
    ],
    ...(['text', 5, false, [1]] as const).map((value): [string, Partial<Run>, object] => [
      `${JSON.stringify(value)} as an object`,
      { status: 'success', outcome: { kind: 'result', value } },
      { values: { result: value } },
    ]),
    ['nothing', { status: 'success', outcome: { kind: 'result', value: null } }, { values: {} }],
    [
      'an interrupt',
      { status: 'interrupted', outcome: { kind: 'interrupt', payload: { ask: 1 } } },
      { interrupt: { ask: 1 } },
    ],
    [
      'an error',
      { status: 'error', outcome: { kind: 'error', errcode: 1000, description: 'cancelled' } },
      { error: { code: 'run_failed', message: 'cancelled', metadata: { errcode: 1000 } } },
    ],
  ])('a wait answers %s', async (_name, changes, rest) => {
    await using site = await openProtocols();
    site.api.runs.born = changes;
    const whole = { run: { ...plain, status: changes.status }, ...rest };
    const answer = await site.post(`${base}/runs/wait`, {});
    expect([answer.status, await answer.json()]).toEqual([200, whole]);
    expect(await (await site.fetch(`${base}/runs/${runId}/wait`)).json()).toEqual(whole);
  });
});

describe('streams of the Agent Protocol', () => {
  const messages = [{ role: 'ai', content: 'x' }];
  const events = [
    eventOf(1, { kind: 'phase', phase: 'queued' }),
    eventOf(2, { kind: 'partial', value: { n: 1, messages } }),
    eventOf(3, { kind: 'result', value: 7 }, 'success'),
  ];
  const phase = ['1', 'custom', { run_id: runId, status: 'pending', update: { phase: 'queued' } }] as const;
  const values = [
    ['2', 'values', { n: 1, messages }],
    ['3', 'values', { result: 7 }],
  ] as const;
  test.each<[mode: unknown, seen: readonly unknown[]]>([
    [undefined, values],
    ['values', values],
    [[], values],
    [['values', 'messages', 'updates'], values],
    [
      ['values', 'custom'],
      [phase, ...values],
    ],
    ['messages', [['2', 'messages', messages]]],
    ['custom', [phase]],
    ['updates', []],
  ])('a stream with stream_mode %j names its events by their modes', async (mode, seen) => {
    await using site = await openProtocols();
    site.api.runs.script = (feed) => feed.give(events).give(null);
    const answer = await site.post(`${base}/runs/stream`, { stream_mode: mode });
    const sentEvents = parseEvents(await answer.text()).map(({ id, event, data }) => [id, event, JSON.parse(data)]);
    expect(sentEvents).toEqual(seen);
  });

  test.each<[change: Parameters<typeof eventOf>[1], name: string, data: Json]>([
    [{ kind: 'interrupt', payload: { ask: 1 } }, 'interrupt', { interrupt: { ask: 1 } }],
    [
      { kind: 'error', errcode: 1001, description: 'late' },
      'error',
      { error: 'run_failed', message: 'late', errcode: 1001 },
    ],
  ])('a stream sends %j in every mode', async (change, name, data) => {
    for (const mode of ['values', 'messages', 'updates', 'custom']) {
      await using site = await openProtocols();
      site.api.runs.script = (feed) => feed.give([eventOf(1, change, 'error')]).give(null);
      const text = await (await site.post(`${base}/runs/stream`, { stream_mode: mode })).text();
      const [sentEvents] = parseEvents(text);
      expect([sentEvents?.event, JSON.parse(sentEvents?.data ?? '')]).toEqual([
        name,
        { run_id: runId, status: 'error', ...(data as object) },
      ]);
    }
  });
});

describe('agents of the Agent Protocol', () => {
  test('an agent is shown with its capabilities and schemas', async () => {
    await using site = await openProtocols();
    const sentEvents = {
      agent_id: agentId,
      name: 'price-scraper',
      description: 'Reads the prices of one shop page.',
      metadata: {},
      capabilities: { 'ap.io.messages': false, 'ap.io.streaming': true },
    };
    expect(await (await site.fetch(`${base}/agents/price-scraper`)).json()).toEqual(sentEvents);
    site.api.agents.byId.set(
      agentId,
      agentOf({ schemas: { input: { properties: { messages: {} } }, output: {}, config: { a: 1 }, interrupts: [] } }),
    );
    expect(await (await site.fetch(`${base}/agents/${agentId}`)).json()).toMatchObject({
      capabilities: { 'ap.io.messages': true },
    });
    expect(await (await site.fetch(`${base}/agents/${agentId}/schemas`)).json()).toEqual({
      agent_id: agentId,
      input_schema: { properties: { messages: {} } },
      output_schema: {},
      config_schema: { a: 1 },
    });
  });

  test('agents are found by name and metadata, page by page', async () => {
    await using site = await openProtocols();
    const names = ['a', 'b', 'c', 'd'];
    for (const name of names) {
      site.api.agents.byId.set(name, agentOf({ name, metadata: { team: { x: 1, y: [name === 'b'] }, other: 1 } }));
    }
    const search = async (body: Json) => {
      const found = (await (await site.post(`${base}/agents/search`, body)).json()) as readonly { name: string }[];
      return found.map(({ name }) => name);
    };
    const metadata = { team: { y: [false], x: 1 } };
    expect(await search({ metadata })).toEqual(['a', 'c', 'd']);
    expect(await search({ metadata, limit: 1, offset: 1 })).toEqual(['c']);
    expect(await search({ metadata, name: 'd' })).toEqual(['d']);
    expect(await search({ metadata: { toString: null } })).toEqual([]);
  });
});

test('an error of the Agent Protocol is an object with code and metadata', async () => {
  await using site = await openProtocols();
  const missing = await site.fetch(`${base}/runs/${absentId}`);
  expect([missing.status, await missing.json()]).toEqual([
    404,
    { code: 'run_not_found', message: 'no such run', metadata: { retryable: false } },
  ]);
  const refused = await site.post(`${base}/runs`, { inptu: 1 });
  expect(await refused.json()).toMatchObject({ code: 'invalid_request', metadata: { path: 'inptu' } });
  expect(await (await site.fetch(`${base}/nowhere`)).json()).toMatchObject({ code: 'route_not_found' });
});

test.each(['/acp/v0.2', '/agent-protocol'])(
  'members that %s does not have are ignored with unknownFields: ignore',
  async (prefix) => {
    const mounts = createProtocols('ignore').map((protocol) => ({ protocol, prefix: protocol.prefix }));
    await using site = await openProtocols({ mounts });
    const sent = { note: 'x', input: { a: 1 }, config: { configurable: { b: 2 }, run_name: 'x' }, command: null };
    const answer = await site.post(`${prefix}/runs`, sent);
    expect([answer.status, await answer.json()]).toMatchObject([200, { run_id: runId }]);
    expect(site.api.runs.created[0]).toMatchObject({
      agent: undefined,
      request: { input: { a: 1 }, config: { b: 2 } },
    });
    expect(site.api.runs.created[0]?.request.origin).toBeUndefined();
  },
);
