import { describe, expect, test } from 'vitest';
import type { Json } from '../../src/contract/domain/json.ts';
import type { Site } from '../http/app.ts';
import { openProtocols } from './protocol-sites.ts';
import { absentId, runId } from './scripted-api.ts';
import { checkpointId, checkpointOf, newThreadId, threadId, threadOf } from './scripted-threads.ts';

/** The two protocols that have the same threads, and what they say differently. */
const protocols = [
  { base: '/acp/v0.2', mode: 'replace', encode: (values: Json) => values },
  { base: '/agent-protocol', mode: 'merge', encode: (values: Json) => ({ result: values }) },
] as const;

const plain = {
  thread_id: threadId,
  created_at: '2026-01-02T03:04:05.678Z',
  updated_at: '2026-01-02T03:04:06.000Z',
  metadata: {},
  status: 'idle',
};

const said = [{ role: 'user', content: 'hi' }];

function patch(site: Site, path: string, body: Json): Promise<Response> {
  return site.fetch(path, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

describe.each(protocols)('threads of $base', ({ base, mode, encode }) => {
  const threads = `${base}/threads`;

  test('threads are created with an id of the client or of the gateway', async () => {
    await using site = await openProtocols();
    const created = await site.post(threads, {});
    expect([created.status, await created.json()]).toEqual([200, { ...plain, thread_id: newThreadId }]);
    await site.post(threads, { thread_id: absentId.toUpperCase(), metadata: { a: 1 }, if_exists: 'do_nothing' });
    expect(site.api.threads.created).toEqual([
      { tenant: 'default', metadata: {}, ifExists: 'raise' },
      { tenant: 'default', threadId: absentId, metadata: { a: 1 }, ifExists: 'do_nothing' },
    ]);
    expect((await site.post(threads, { thread_id: threadId })).status).toBe(409);
  });

  test('threads are found by every filter', async () => {
    await using site = await openProtocols();
    const filter = { metadata: { a: 1 }, values: { b: 2 }, status: 'busy', limit: 3, offset: 4 };
    expect(await (await site.post(`${threads}/search`, filter)).json()).toEqual([plain]);
    expect((await site.fetch(`${threads}/search`, { method: 'POST' })).status).toBe(200);
    expect((await site.post(`${threads}/search`, { select: ['values'] })).status).toBe(200);
    expect(site.api.threads.searched).toEqual([
      { tenant: 'default', ...filter, omitState: true },
      { tenant: 'default', omitState: true, limit: 10, offset: 0 },
      { tenant: 'default', omitState: false, limit: 10, offset: 0 },
    ]);
  });

  test.each<[state: { readonly values: Json; readonly messages: readonly Json[] }, shown: object]>([
    [{ values: null, messages: [] }, {}],
    [{ values: { a: 1 }, messages: [] }, { values: { a: 1 } }],
    [{ values: 'text', messages: [] }, { values: encode('text') }],
    [
      { values: { a: 1, messages: said }, messages: said },
      { values: { a: 1 }, messages: said },
    ],
    // The values have no substitute for them.
    [{ values: { messages: said }, messages: [] }, { values: { messages: said } }],
    [
      { values: { messages: ['x'] }, messages: said },
      { values: { messages: ['x'] }, messages: said },
    ],
    [{ values: { a: 1 }, messages: ['no message'] }, { values: { a: 1 } }],
  ])('a thread shows the state %j', async (state, shown) => {
    await using site = await openProtocols();
    site.api.threads.byId.set(threadId, threadOf({ ...state, status: 'interrupted' }));
    const answer = await site.fetch(`${threads}/${threadId}`);
    expect([answer.status, await answer.json()]).toEqual([200, { ...plain, ...shown, status: 'interrupted' }]);
    site.api.threads.checkpoints.push(checkpointOf({ ...state, metadata: { by: 'run' }, runId }));
    expect(await (await site.fetch(`${threads}/${threadId}/history`)).json()).toEqual([
      { values: {}, ...shown, checkpoint: { checkpoint_id: checkpointId }, metadata: { by: 'run' } },
    ]);
  });

  test('the history of a thread is read in pages', async () => {
    await using site = await openProtocols();
    await site.fetch(`${threads}/${threadId}/history`);
    await site.fetch(`${threads}/${threadId}/history?limit=1000&before=${checkpointId}`);
    expect(site.api.threads.asked).toEqual([
      { limit: 10, beforeId: null },
      { limit: 1000, beforeId: checkpointId },
    ]);
    for (const query of ['limit=0', 'limit=1001', 'limit=x', 'before=x', 'bevore=x']) {
      expect((await site.fetch(`${threads}/${threadId}/history?${query}`)).status).toBe(422);
    }
  });

  test('threads are patched', async () => {
    await using site = await openProtocols();
    const checkpoint = { checkpoint_id: checkpointId, thread_id: threadId };
    const answer = await patch(site, `${threads}/${threadId}`, { values: { a: 1 }, messages: said, checkpoint });
    expect(await answer.json()).toEqual({ ...plain, values: { a: 1 }, messages: said });
    await patch(site, `${threads}/${threadId}`, { metadata: { b: 2 }, checkpoint });
    await patch(site, `${threads}/${threadId}`, { checkpoint });
    expect(site.api.threads.patched).toEqual([
      { mode, values: { a: 1 }, messages: said, checkpointId },
      // Ignored, as the protocols say, where the patch is about metadata alone.
      { mode, metadata: { b: 2 } },
      { mode, checkpointId },
    ]);
  });

  test.each<Json>([{ values: null }, { messages: [{ role: 'user' }] }, { checkpoint: {} }, { valeus: {} }])(
    'refuse the patch %j',
    async (body) => {
      await using site = await openProtocols();
      expect((await patch(site, `${threads}/${threadId}`, body)).status).toBe(422);
      expect(site.api.threads.patched).toEqual([]);
    },
  );

  test('threads are copied and deleted', async () => {
    await using site = await openProtocols();
    const copy = await site.fetch(`${threads}/${threadId}/copy`, { method: 'POST' });
    expect(await copy.json()).toEqual({ ...plain, thread_id: newThreadId });
    const remove = () => site.fetch(`${threads}/${threadId}`, { method: 'DELETE' });
    site.api.threads.byId.set(threadId, threadOf({ activeRunId: runId }));
    expect((await remove()).status).toBe(409);
    site.api.threads.byId.set(threadId, threadOf({}));
    const removed = await remove();
    expect([removed.status, await removed.text()]).toEqual([204, '']);
    expect((await remove()).status).toBe(404);
  });
});

test('only ACP 0.2 accepts values that are not an object', async () => {
  await using site = await openProtocols();
  const values = [1, 'a'];
  expect((await patch(site, `/acp/v0.2/threads/${threadId}`, { values })).status).toBe(200);
  expect((await patch(site, `/agent-protocol/threads/${threadId}`, { values })).status).toBe(422);
});
