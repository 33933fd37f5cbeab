import { describe, expect, test } from 'vitest';
import type { Json } from '../../src/contract/domain/json.ts';
import type { Run } from '../../src/contract/domain/run.ts';
import type { Site } from '../http/app.ts';
import { openProtocols } from './protocol-sites.ts';
import { absentId, agentId, runId, runOf, until } from './scripted-api.ts';
import { threadId, threadOf } from './scripted-threads.ts';

const base = '/acp/v0.2';
const inThread = `${base}/threads/${threadId}/runs`;

const plain = {
  run_id: runId,
  agent_id: agentId,
  created_at: '2026-01-02T03:04:05.678Z',
  updated_at: '2026-01-02T03:04:06.000Z',
  status: 'pending',
};

const stateless = {
  agent_id: 'price-scraper',
  input: { url: 'https://shop.test/1' },
  metadata: { team: 'a' },
  config: { tags: ['nightly'], recursion_limit: 7, configurable: { retry: { maximumAttempts: 2 } } },
  webhook: 'https://hooks.test/r?x=1',
  stream_mode: ['values'],
  on_disconnect: 'continue',
  multitask_strategy: 'enqueue',
  after_seconds: 30,
  on_completion: 'keep',
};

describe('creations of ACP 0.2', () => {
  test('a creation of a stateless run is translated for the engine and shown again as it was sent', async () => {
    await using site = await openProtocols();
    const answer = await site.post(`${base}/runs`, stateless);
    expect([answer.status, answer.headers.get('content-location')]).toEqual([200, `${base}/runs/${runId}`]);
    expect(await answer.json()).toEqual({ ...plain, creation: { ...stateless, agent_id: agentId } });
    const { input, metadata, webhook } = stateless;
    expect(site.api.runs.created).toEqual([
      {
        tenant: 'default',
        agent: 'price-scraper',
        request: {
          input,
          metadata,
          webhook,
          config: { retry: { maximumAttempts: 2 } },
          afterMs: 30_000,
          onCompletion: 'keep',
          origin: {
            protocol: 'acp-v0.2',
            extra: {
              stream_mode: ['values'],
              on_disconnect: 'continue',
              multitask_strategy: 'enqueue',
              config: { tags: ['nightly'], recursion_limit: 7 },
            },
          },
        },
      },
    ]);
  });

  test('a creation of a run in a thread passes on how the run joins the thread', async () => {
    await using site = await openProtocols();
    const { on_completion: _, ...asked } = { ...stateless, stream_subgraphs: true, if_not_exists: 'create' };
    const answer = await site.post(inThread, asked);
    expect(await answer.json()).toEqual({ ...plain, thread_id: threadId, creation: { ...asked, agent_id: agentId } });
    expect(site.api.runs.created[0]?.thread).toEqual({ threadId, ifNotExists: 'create', whenBusy: 'enqueue' });
    await site.post(inThread, {});
    expect(site.api.runs.created[1]?.thread).toEqual({ threadId, ifNotExists: 'reject', whenBusy: 'reject' });
  });

  test('a creation in a busy or absent thread is refused', async () => {
    await using site = await openProtocols();
    site.api.threads.byId.set(threadId, threadOf({ activeRunId: runId }));
    const busy = await site.post(inThread, {});
    expect([busy.status, await busy.json()]).toEqual([409, 'the thread has a run that is not done']);
    expect((await site.post(inThread, { multitask_strategy: 'interrupt' })).status).toBe(200);
    const missing = await site.post(`${base}/threads/${absentId}/runs`, {});
    expect([missing.status, await missing.json()]).toEqual([404, 'no such thread']);
  });

  test.each<[Json, string]>([
    [{ agentId: 'x' }, 'agentId is not a known member; did you mean "agent_id"?'],
    [{ config: { retry: {} } }, 'config/retry is not a known member'],
    [{ config: { configurable: 'x' } }, 'config/configurable must be an object, is a string'],
    [{ input: null }, 'input must not be null'],
    [{ stream_mode: 'messages' }, 'stream_mode must be values or custom'],
    [{ after_seconds: -1 }, 'after_seconds must be at least 0'],
    [{ on_completion: 'forget' }, 'on_completion must be delete or keep'],
    [
      { if_not_exists: 'create' },
      'if_not_exists is not a known member; POST /runs takes it under /agent-protocol and /langgraph',
    ],
  ])('a creation with the body %j is refused with 422', async (body, message) => {
    await using site = await openProtocols();
    const answer = await site.post(`${base}/runs`, body);
    expect([answer.status, await answer.json()]).toEqual([422, `the request is not valid: ${message}`]);
    expect(site.api.runs.created).toEqual([]);
  });

  test('a run of another protocol is shown without the members that ACP 0.2 lacks', async () => {
    await using site = await openProtocols();
    await site.post('/agent-protocol/runs', {
      input: null,
      messages: [{ role: 'user', content: 'hi' }],
      stream_mode: ['messages', 'custom'],
    });
    const creationOf = async () => {
      const run = await (await site.fetch(`${base}/runs/${runId}`)).json();
      return (run as { readonly creation: Json }).creation;
    };
    expect(await creationOf()).toEqual({ agent_id: agentId, stream_mode: ['custom'] });
    await site.post('/acp/v0.1/runs', { agent_id: agentId, streaming: 'result', config: { a: 1 } });
    expect(await creationOf()).toEqual({
      agent_id: agentId,
      config: { configurable: { a: 1 } },
      stream_mode: 'values',
    });
  });
});

describe('waits of ACP 0.2', () => {
  const ends: readonly (readonly [name: string, changes: Partial<Run>, output: Json])[] = [
    ...([{ a: 1 }, 'text', 5, false, [1, 'a']] as const).map((value): [string, Partial<Run>, Json] => [
      JSON.stringify(value),
      { status: 'success', outcome: { kind: 'result', value } },
      { type: 'result', values: value },
    ]),
    ['nothing', { status: 'success', outcome: { kind: 'result', value: null } }, { type: 'result', values: {} }],
    [
      'messages',
      { status: 'success', outcome: { kind: 'result', value: { n: 1, messages: [{ role: 'ai', content: 'x' }] } } },
      {
        type: 'result',
        values: { n: 1, messages: [{ role: 'ai', content: 'x' }] },
        messages: [{ role: 'ai', content: 'x' }],
      },
    ],
    [
      'messages that are none',
      { status: 'success', outcome: { kind: 'result', value: { messages: [{ role: 'ai' }] } } },
      { type: 'result', values: { messages: [{ role: 'ai' }] } },
    ],
    [
      'an interrupt',
      { status: 'interrupted', outcome: { kind: 'interrupt', payload: { ask: 1 } } },
      { type: 'interrupt', interrupt: { ask: 1 } },
    ],
    [
      'an error',
      { status: 'timeout', outcome: { kind: 'error', errcode: 1001, description: 'too late' } },
      { type: 'error', run_id: runId, errcode: 1001, description: 'too late' },
    ],
  ];
  test.each(ends)('a wait answers %s', async (_name, changes, output) => {
    await using site = await openProtocols();
    site.api.runs.born = changes;
    const answer = await site.post(`${base}/runs/wait`, {});
    const run = { ...plain, status: changes.status, creation: { agent_id: agentId } };
    expect([answer.status, await answer.json()]).toEqual([200, { run, output }]);
    expect(answer.headers.get('content-location')).toBe(`${base}/runs/${runId}`);
    const again = await site.fetch(`${base}/runs/${runId}/wait`);
    expect([again.headers.get('content-location'), await again.json()]).toEqual([
      `${base}/runs/${runId}`,
      { run, output },
    ]);
  });

  test('a wait lasts until the run ends', async () => {
    await using site = await openProtocols();
    const translateStorageFault = site.post(`${base}/runs/wait`, {});
    await until(() => site.api.runs.waiters.length === 1);
    expect(site.api.runs.waiters[0]?.blockMs).toBeGreaterThan(20 * 86_400_000);
    site.api.runs.waiters[0]?.resolve(runOf({ status: 'success', outcome: { kind: 'result', value: 1 } }));
    expect(await (await translateStorageFault).json()).toMatchObject({ output: { type: 'result', values: 1 } });
  });

  test('a wait ends with the pending run when the gateway drains, and nothing is cancelled', async () => {
    await using site = await openProtocols();
    const translateStorageFault = site.post(`${base}/runs/wait`, {});
    await until(() => site.api.runs.waiters.length === 1);
    site.app.drain(1000);
    expect(await (await translateStorageFault).json()).toEqual({ run: { ...plain, creation: { agent_id: agentId } } });
    expect(site.api.runs.cancelled).toEqual([]);
  });

  const leave = async (site: Site, path: string, init: RequestInit) => {
    const leaving = new AbortController();
    const headers = { 'content-type': 'application/json' };
    const translateStorageFault = site.fetch(path, { ...init, headers, signal: leaving.signal });
    await until(() => site.api.runs.waiters.length === 1);
    leaving.abort();
    await expect(translateStorageFault).rejects.toThrow('aborted');
    await until(() => site.api.runs.waiters[0]?.signal.aborted === true);
    // What follows on the departure has been done once the server is closed.
    await site.close(0);
    return site.api.runs.cancelled;
  };

  test.each([`${base}/runs/wait`, `${inThread}/wait`])(
    '%s cancels its run when the client disconnects',
    async (path) => {
      await using site = await openProtocols();
      const cancelled = await leave(site, path, { method: 'POST', body: '{}' });
      expect(cancelled).toEqual([{ tenant: 'default', runId, action: 'interrupt', wait: false }]);
    },
  );

  test('a run outlives its client with on_disconnect: continue, and a client that only waits cancels nothing', async () => {
    await using first = await openProtocols();
    const body = '{"on_disconnect":"continue"}';
    expect(await leave(first, `${base}/runs/wait`, { method: 'POST', body })).toEqual([]);
    await using second = await openProtocols();
    expect(await leave(second, `${base}/runs/${runId}/wait`, {})).toEqual([]);
  });
});

describe('single runs of ACP 0.2', () => {
  test('a run is cancelled with action and wait, and other values are refused', async () => {
    await using site = await openProtocols();
    const cancel = (query: string) => site.fetch(`${base}/runs/${runId}/cancel${query}`, { method: 'POST' });
    expect([(await cancel('')).status, await (await cancel('?wait=1')).text()]).toEqual([204, '']);
    await cancel('?wait=true&action=rollback');
    expect(site.api.runs.cancelled.map(({ action, wait }) => [action, wait])).toEqual([
      ['interrupt', false],
      ['interrupt', true],
      ['rollback', true],
    ]);
    const refused = await cancel('?wait=yes');
    expect([refused.status, await refused.json()]).toEqual([
      422,
      'the request is not valid: wait must be true or false',
    ]);
  });

  test.each([
    ['GET', ''],
    ['POST', ''],
    ['DELETE', ''],
    ['GET', '/wait'],
    ['GET', '/stream'],
    ['POST', '/cancel'],
  ])('%s %s is 404 under a thread that does not contain the run', async (method, rest) => {
    await using site = await openProtocols();
    site.api.runs.byId.set(runId, runOf({ threadId: absentId, status: 'interrupted' }));
    const init = {
      method,
      ...(method === 'POST' ? { body: '{}', headers: { 'content-type': 'application/json' } } : {}),
    };
    const answer = await site.fetch(`${inThread}/${runId}${rest}`, init);
    expect([answer.status, await answer.json()]).toEqual([404, 'no such run']);
    expect([site.api.runs.byId.size, site.api.runs.resumed, site.api.runs.cancelled, site.api.runs.streams]).toEqual([
      1,
      [],
      [],
      [],
    ]);
  });

  test("a thread's run is found without its thread, at its Content-Location", async () => {
    await using site = await openProtocols();
    const created = await site.post(inThread, {});
    const answer = await site.fetch(created.headers.get('content-location') ?? '');
    expect(await answer.json()).toMatchObject({ run_id: runId, thread_id: threadId });
  });
});

test('searches leave out the runs of threads, and a list has the runs of its thread', async () => {
  await using site = await openProtocols();
  const filter = { agent_id: agentId, status: 'error', metadata: { a: 1 }, limit: 3, offset: 2 };
  expect(await (await site.post(`${base}/runs/search`, filter)).json()).toHaveLength(1);
  expect((await site.post(`${base}/runs/search`, { select: ['input'] })).status).toBe(200);
  expect(await (await site.fetch(`${inThread}?limit=4&offset=1`)).json()).toHaveLength(1);
  const { agent_id, ...rest } = filter;
  expect(site.api.runs.searched).toEqual([
    { ...rest, tenant: 'default', agentId: agent_id, threadId: null, omitInput: true },
    { tenant: 'default', threadId: null, omitInput: false, limit: 10, offset: 0 },
    { tenant: 'default', threadId, limit: 4, offset: 1 },
  ]);
  expect((await site.fetch(`${base}/threads/${absentId}/runs`)).status).toBe(404);
});
