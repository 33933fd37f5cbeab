import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { AccessControl } from '../../src/access/access-control.ts';
import { noLimits } from '../../src/access/principals.ts';
import { StreamTickets } from '../../src/access/stream-tickets.ts';
import { UsageLimits } from '../../src/access/usage-limits.ts';
import type { Api } from '../../src/contract/api/api.ts';
import { noExceptions } from '../../src/upstream/ssrf-address.ts';
import { HeldTickets } from '../http/held-tickets.ts';
import { agentId, agentOf, runId, runOf, ScriptedApi } from '../protocols/scripted-api.ts';
import { threadId, threadOf } from '../protocols/scripted-threads.ts';
import { all } from '../store/rows.ts';

const key = { tenant: 'default', runId };
const thread = { tenant: 'default', threadId };

/** The API of a key for the agent `own`, over one run and one thread of another agent. */
async function openForeign(): Promise<{ readonly api: Api; readonly scripted: ScriptedApi }> {
  const scripted = new ScriptedApi();
  scripted.runs.byId.set(runId, runOf({ status: 'interrupted', phase: 'interrupted', threadId }));
  scripted.threads.byId.set(threadId, threadOf({ agentId }));
  const own = agentOf({ agentId: '7f0c2f6e-0d2e-5f43-9f43-0b8f6f1d2a22', name: 'own' });
  const control = new AccessControl({
    authenticate: () => ({ tenant: 'default', name: 'narrow', agents: new Set(['own']), limits: noLimits }),
    usageLimits: new UsageLimits(null, 10),
    api: scripted,
    adminFor: null,
    tickets: new StreamTickets({ store: new HeldTickets(), auth: null }),
    bounds: { agents: [agentOf({}), own], maxMetadataBytes: 1000, exceptions: noExceptions, callsWebhooks: true },
  });
  const request = new IncomingMessage(new Socket());
  const { api } = await control.enter(request, new ServerResponse(request));
  return { api, scripted };
}

const ofRun: Readonly<Record<string, (api: Api) => Promise<unknown>>> = {
  get: ({ runs }) => runs.get(key),
  poll: ({ runs }) => runs.poll(key),
  wait: ({ runs }) => runs.wait(key, 0, AbortSignal.abort()),
  watch: ({ runs }) => runs.watch(key, 0),
  resume: ({ runs }) => runs.resume(key, 'yes'),
  answer: ({ runs }) => runs.answer(key, { seq: 1, answers: {} }),
  cancel: ({ runs }) => runs.cancel(key, { action: 'rollback', wait: false }),
  delete: ({ runs }) => runs.delete(key),
  webhooks: ({ runs }) => runs.webhooks(key),
  putWebhook: ({ runs }) =>
    runs.putWebhook(key, { id: 'w', url: 'https://example.com/', protocol: null, events: 'status' }),
  removeWebhook: ({ runs }) => runs.removeWebhook(key, 'w'),
};
const ofThread: Readonly<Record<string, (api: Api) => Promise<unknown>>> = {
  get: ({ threads }) => threads.get(thread),
  patch: ({ threads }) => threads.patch(thread, { values: 1, mode: 'replace' }),
  copy: ({ threads }) => threads.copy(thread),
  delete: ({ threads }) => threads.delete(thread),
  history: ({ threads }) => all(threads.history(thread, { limit: 1, beforeId: null })),
  countCheckpoints: ({ threads }) => threads.countCheckpoints(thread, null),
  findCheckpoint: ({ threads }) => threads.findCheckpoint(thread, 'any'),
  watch: ({ threads }) => threads.watch(thread, { afterSeq: 0 }),
  resume: ({ threads }) => threads.resume({ key: thread, payload: 'yes' }),
};

test('every use case of one run or one thread is in the tables of this test', async () => {
  const { api } = await openForeign();
  const methodsOf = (service: object, ...others: readonly string[]) =>
    Object.getOwnPropertyNames(Object.getPrototypeOf(service)).filter(
      (name) => !['constructor', 'create', 'search', 'count', ...others].includes(name),
    );
  expect(methodsOf(api.runs).toSorted()).toEqual(Object.keys(ofRun).toSorted());
  expect(methodsOf(api.threads, 'stateAfterRun', 'keyOf').toSorted()).toEqual(Object.keys(ofThread).toSorted());
});

test.each(Object.keys(ofRun))('runs.%s refuses a run of an agent that the key may not use as absent', async (name) => {
  const { api, scripted } = await openForeign();
  await expect(ofRun[name]?.(api)).rejects.toMatchObject({ code: 'run_not_found' });
  const { resumed, cancelled, streams, byId } = scripted.runs;
  expect([resumed, cancelled, streams, byId.size]).toEqual([[], [], [], 1]);
});

test.each(Object.keys(ofThread))(
  'threads.%s refuses a thread of an agent that the key may not use as absent',
  async (name) => {
    const { api, scripted } = await openForeign();
    await expect(ofThread[name]?.(api)).rejects.toMatchObject({ code: 'thread_not_found' });
    const { patched, asked, watched, byId } = scripted.threads;
    expect([patched, asked, watched, scripted.runs.resumed, byId.size]).toEqual([[], [], [], [], 1]);
  },
);

test('threads.stateAfterRun refuses a run of an agent that the key may not use as absent', async () => {
  const { api } = await openForeign();
  await expect(api.threads.stateAfterRun(key)).rejects.toMatchObject({ code: 'run_not_found' });
});

test('the API of a key for some agents passes items on as they are', async () => {
  const { api, scripted } = await openForeign();
  expect(api.items).toBe(scripted.items);
});

test('a key for some agents counts the runs of these alone, and those of another agent as none', async () => {
  const { api, scripted } = await openForeign();
  await api.runs.count({ tenant: 'default' });
  expect(scripted.runs.counted).toEqual([{ tenant: 'default', agentIds: ['7f0c2f6e-0d2e-5f43-9f43-0b8f6f1d2a22'] }]);
  expect(await api.runs.count({ tenant: 'default', agentId })).toBe(0);
  expect(scripted.runs.counted).toHaveLength(1);
});

test.each([
  ['http://127.0.0.1/', 'of this machine'],
  ['ftp://a.test/', 'of a scheme that is not called'],
])('a webhook at %s, %s, is refused when it is added and when a run is created with it', async (url) => {
  const { api, scripted } = await openForeign();
  const mine = '0193b3a0-6b7c-7d2e-8f00-1234567890ac';
  const own = '7f0c2f6e-0d2e-5f43-9f43-0b8f6f1d2a22';
  scripted.runs.byId.set(mine, runOf({ runId: mine, agentId: own }));
  const webhook = { url, protocol: null, events: 'end' } as const;
  const put = api.runs.putWebhook({ tenant: 'default', runId: mine }, webhook);
  await expect(put).rejects.toMatchObject({ code: 'invalid_request' });
  const create = api.runs.create({ tenant: 'default', agent: 'own', request: {}, webhooks: [webhook] });
  await expect(create).rejects.toMatchObject({ code: 'invalid_request' });
  expect([scripted.runs.created, await api.runs.webhooks({ tenant: 'default', runId: mine })]).toEqual([[], []]);
});
