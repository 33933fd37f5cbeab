import { describe, expect, test } from 'vitest';
import type { Json } from '../../src/contract/domain/json.ts';
import type { Run } from '../../src/contract/domain/run.ts';
import { openSite } from '../http/app.ts';
import { documentsAbsent, openDocument } from './acp-documents.ts';
import { absentId, agentId, runId, runOf, until } from './scripted-api.ts';

const plain = {
  creation: { agent_id: agentId },
  run_id: runId,
  agent_id: agentId,
  created_at: '2026-01-02T03:04:05.678Z',
  updated_at: '2026-01-02T03:04:06.000Z',
  status: 'pending',
  metadata: {},
};

describe('POST /runs', () => {
  test('POST /runs creates a run and answers it with the creation', async () => {
    await using site = await openSite();
    const asked = {
      input: { url: 'https://shop.test/1' },
      metadata: { team: 'a' },
      config: { retry: { maximumAttempts: 2 } },
      webhook: 'https://hooks.test/r?x=1',
    };
    const answer = await site.post('/runs', { agent_id: 'price-scraper', streaming: 'custom', ...asked });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(answer.headers.get('content-location')).toBe(`/runs/${runId}`);
    expect(answer.headers.get('idempotent-replayed')).toBeNull();
    expect(await answer.json()).toEqual({
      ...plain,
      ...asked,
      creation: { agent_id: agentId, streaming: 'custom', ...asked },
    });
    expect(site.api.runs.created).toEqual([
      {
        tenant: 'default',
        agent: 'price-scraper',
        request: { ...asked, origin: { protocol: 'acp-v0.1', extra: { stream_mode: 'custom' } } },
      },
    ]);
  });

  test('POST /runs accepts an empty object, and null for no thread', async () => {
    await using site = await openSite();
    expect(await (await site.post('/runs', {})).json()).toEqual(plain);
    expect((await site.post('/runs', { agent_id: agentId, thread_id: null })).status).toBe(200);
    expect(site.api.runs.created.map(({ agent }) => agent)).toEqual([undefined, agentId]);
  });

  test('POST /runs answers a Content-Location under the prefix of the request', async () => {
    await using site = await openSite();
    const answer = await site.post('/acp/v0.1/runs', {});
    expect(answer.headers.get('content-location')).toBe(`/acp/v0.1/runs/${runId}`);
  });

  test('POST /runs passes on an idempotency key, quoted or not, and marks a replayed answer', async () => {
    await using site = await openSite();
    site.api.runs.replayed = true;
    const answer = await site.post('/runs', {}, { 'idempotency-key': '"k-1"' });
    expect(answer.headers.get('idempotent-replayed')).toBe('true');
    await site.post('/runs', {}, { 'idempotency-key': 'k-2' });
    expect(site.api.runs.created.map(({ idempotencyKey }) => idempotencyKey)).toEqual(['k-1', 'k-2']);
  });
});

describe('GET /runs/{run_id}', () => {
  test('GET /runs/{run_id} answers the run for an id in any case', async () => {
    await using site = await openSite();
    const answer = await site.fetch(`/runs/${runId.toUpperCase()}`);
    expect([answer.status, await answer.json()]).toEqual([200, plain]);
    expect(site.api.runs.keys).toEqual([{ tenant: 'default', runId }]);
  });

  test('HEAD /runs/{run_id} answers the length without a body', async () => {
    await using site = await openSite();
    const length = (await (await site.fetch(`/runs/${runId}`)).text()).length;
    const answer = await site.fetch(`/runs/${runId}`, { method: 'HEAD' });
    expect([answer.status, answer.headers.get('content-length'), await answer.text()]).toEqual([200, `${length}`, '']);
  });
});

describe('GET /runs/{run_id}/output', () => {
  const ended: readonly (readonly [string, Partial<Run>, Json])[] = [
    [
      'a result',
      { status: 'success', outcome: { kind: 'result', value: { price: 9.5 } } },
      { type: 'result', run_id: runId, status: 'success', result: { price: 9.5 } },
    ],
    ...[null, false, 0, '', 'text', [], [[1], 'ä'], {}].map((value): [string, Partial<Run>, Json] => [
      `the result ${JSON.stringify(value)} unchanged`,
      { status: 'success', outcome: { kind: 'result', value } },
      { type: 'result', run_id: runId, status: 'success', result: value },
    ]),
    [
      'an interrupt',
      { status: 'interrupted', outcome: { kind: 'interrupt', payload: { ask: 'sure?' } } },
      { type: 'interrupt', run_id: runId, status: 'interrupted', interrupt: { ask: 'sure?' } },
    ],
    ...(['error', 'timeout'] as const).map((status): [string, Partial<Run>, Json] => [
      status,
      { status, outcome: { kind: 'error', errcode: 1001, description: 'too late' } },
      { type: 'error', run_id: runId, status, errcode: 1001, description: 'too late' },
    ]),
  ];
  test.each(ended)('GET /runs/{run_id}/output answers %s', async (_name, changes, output) => {
    await using site = await openSite();
    site.api.runs.byId.set(runId, runOf(changes));
    const answer = await site.fetch(`/runs/${runId}/output`);
    expect([answer.status, await answer.json()]).toEqual([200, output]);
    expect(answer.headers.get('content-location')).toBe(`/runs/${runId}`);
  });

  test('GET /runs/{run_id}/output is 204 at once while the run is pending, even after an answered interrupt', async () => {
    await using site = await openSite();
    site.api.runs.byId.set(runId, runOf({ outcome: { kind: 'interrupt', payload: {} } }));
    for (const query of ['', '?block_timeout=0']) {
      const answer = await site.fetch(`/runs/${runId}/output${query}`);
      expect([answer.status, await answer.text()]).toEqual([204, '']);
      expect(answer.headers.get('content-location')).toBe(`/runs/${runId}`);
    }
    expect(site.api.runs.waiters).toEqual([]);
  });

  test('GET /runs/{run_id}/output waits for block_timeout', async () => {
    await using site = await openSite();
    const translateStorageFault = site.fetch(`/runs/${runId}/output?block_timeout=3600`);
    await until(() => site.api.runs.waiters.length === 1);
    expect(site.api.runs.waiters[0]?.blockMs).toBe(3_600_000);
    site.api.runs.waiters[0]?.resolve(runOf({ status: 'success', outcome: { kind: 'result', value: 1 } }));
    expect(await (await translateStorageFault).json()).toMatchObject({ type: 'result', result: 1 });
  });

  test('GET /runs/{run_id}/output stops waiting when the client disconnects', async () => {
    await using site = await openSite();
    const leaving = new AbortController();
    const translateStorageFault = site.fetch(`/runs/${runId}/output?block_timeout=60`, { signal: leaving.signal });
    await until(() => site.api.runs.waiters.length === 1);
    leaving.abort();
    await expect(translateStorageFault).rejects.toThrow('aborted');
    await until(() => site.api.runs.waiters[0]?.signal.aborted === true);
  });

  test('GET /runs/{run_id}/output answers the current state when the gateway drains', async () => {
    await using site = await openSite();
    const translateStorageFault = site.fetch(`/runs/${runId}/output?block_timeout=60`);
    await until(() => site.api.runs.waiters.length === 1);
    site.app.drain(1000);
    const answer = await translateStorageFault;
    expect([answer.status, answer.headers.get('connection')]).toEqual([204, 'close']);
    // One that comes later is not kept waiting either.
    const late = await site.fetch(`/runs/${runId}/output?block_timeout=60`);
    expect([late.status, late.headers.get('connection')]).toEqual([204, 'close']);
  });
});

describe('POST /runs/{run_id}', () => {
  const payloads: readonly Json[] = [{ approved: true }, [], 'yes', '', 0, false, null];
  test.each(payloads)('POST /runs/{run_id} resumes the run with %j', async (payload) => {
    await using site = await openSite();
    site.api.runs.byId.set(runId, runOf({ status: 'interrupted', outcome: { kind: 'interrupt', payload: {} } }));
    const answer = await site.post(`/runs/${runId}`, JSON.stringify(payload));
    expect([answer.status, await answer.json()]).toEqual([200, plain]);
    expect(site.api.runs.resumed).toEqual([payload]);
  });

  test('POST /runs/{run_id} is 409 for a run that is not interrupted', async () => {
    await using site = await openSite();
    const answer = await site.post(`/runs/${runId}`, {});
    expect([answer.status, await answer.json()]).toEqual([409, 'the run is not interrupted']);
  });
});

test('DELETE /runs/{run_id} answers the run that it removed', async () => {
  await using site = await openSite();
  const answer = await site.fetch(`/runs/${runId}`, { method: 'DELETE' });
  expect([answer.status, await answer.json()]).toEqual([200, plain]);
  expect((await site.fetch(`/runs/${runId}`)).status).toBe(404);
});

describe('POST /runs/search', () => {
  test('POST /runs/search passes on every filter', async () => {
    await using site = await openSite();
    const filter = { agent_id: agentId, status: 'pending', metadata: { team: 'a' }, limit: 1000, offset: 7 };
    const answer = await site.post('/runs/search', filter);
    expect([answer.status, await answer.json()]).toEqual([200, [plain]]);
    const { agent_id, ...rest } = filter;
    expect((await site.post('/runs/search', { select: ['input'] })).status).toBe(200);
    expect(site.api.runs.searched).toEqual([
      { tenant: 'default', agentId, ...rest, omitInput: true },
      { tenant: 'default', omitInput: false, limit: 10, offset: 0 },
    ]);
  });

  test('POST /runs/search accepts an empty and a missing body', async () => {
    await using site = await openSite();
    expect((await site.post('/runs/search', {})).status).toBe(200);
    expect((await site.fetch('/runs/search', { method: 'POST' })).status).toBe(200);
    const everything = { tenant: 'default', agentId: undefined, omitInput: true, limit: 10, offset: 0 };
    expect(site.api.runs.searched).toEqual([everything, everything]);
  });

  test('POST /runs/search accepts the name of an agent, and an unknown name has no runs', async () => {
    await using site = await openSite();
    await site.post('/runs/search', { agent_id: 'price-scraper' });
    expect(site.api.runs.searched).toMatchObject([{ agentId }]);
    const answer = await site.post('/runs/search', { agent_id: 'nobody' });
    expect([answer.status, await answer.json(), site.api.runs.searched.length]).toEqual([200, [], 1]);
  });
});

test.each([
  ['GET', ''],
  ['DELETE', ''],
  ['POST', ''],
  ['GET', '/output'],
  ['GET', '/output?block_timeout=1'],
  ['GET', '/stream'],
])('%s /runs/{run_id}%s is 404 for an absent run', async (method, rest) => {
  await using site = await openSite();
  const body = method === 'POST' ? { body: '{}', headers: { 'content-type': 'application/json' } } : {};
  const answer = await site.fetch(`/runs/${absentId}${rest}`, { method, ...body });
  expect([answer.status, await answer.json()]).toEqual([404, 'no such run']);
});

describe.skipIf(documentsAbsent !== null)(`the protocols' documents (${documentsAbsent ?? 'present'})`, () => {
  const requests: readonly object[] = [
    {},
    { agent_id: agentId, input: { a: [1] }, metadata: { b: null }, config: { c: 1 }, webhook: 'https://hooks.test/' },
    { agent_id: 'price-scraper', streaming: 'result' },
  ];
  test.each(requests)('a run made by %j is a valid Run of ACP 0.1 and of the Agent Protocol', async (request) => {
    await using site = await openSite();
    const run: unknown = await (await site.post('/runs', request)).json();
    expect(openDocument('acp-0.1.openapi.yaml')('Run', run)).toEqual([]);
    expect(openDocument('agent-protocol-0.1.6.openapi.json')('Run', run)).toEqual([]);
  });

  test('outputs and errors match the schemas of ACP 0.1', async () => {
    await using site = await openSite();
    const judge = openDocument('acp-0.1.openapi.yaml');
    const outcomes: readonly Partial<Run>[] = [
      { status: 'success', outcome: { kind: 'result', value: {} } },
      { status: 'interrupted', outcome: { kind: 'interrupt', payload: { ask: 1 } } },
      { status: 'error', outcome: { kind: 'error', errcode: 1000, description: 'cancelled' } },
    ];
    for (const changes of outcomes) {
      site.api.runs.byId.set(runId, runOf(changes));
      const output: unknown = await (await site.fetch(`/runs/${runId}/output`)).json();
      expect(judge('RunOutput', output)).toEqual([]);
    }
    expect(judge('RunOutput', { type: 'result' })).not.toEqual([]);
    const refusal: unknown = await (await site.fetch(`/runs/${absentId}`)).json();
    expect(judge('ErrorResponse', refusal)).toEqual([]);
  });
});
