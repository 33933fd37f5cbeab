import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import type { RunKey } from '../../src/contract/domain/run.ts';
import { RunCache } from '../../src/engine/state/run-cache.ts';
import { bodyOf, fill, readOperationRows } from '../protocols/operation-rows.ts';
import { runOf } from '../protocols/scripted-api.ts';
import { type Asked, type AuthSite, keyOf, openAuthSite } from './auth-site.ts';

const [ours, theirs] = [keyOf('ours', { tenant: 'ours' }), keyOf('theirs', { tenant: 'theirs' })];

const { perRun, perThread, others } = await readOperationRows();

const absent = '0193b3a0-6b7c-7d2e-8f00-00000000dead';
const waiting = { agent_id: 'approval', input: { question: 'now?' } };
/** Both tenants name an item so. */
const itemName = { namespace: ['shared'], key: 'k' };
const itemsAt = '/agent-protocol/store/items';

const idOf = ({ body }: Asked, name: string): string => String((body as JsonObject)[name]);

describe('what is of another tenant', () => {
  let site: AuthSite;
  /** Ids of runs and threads of theirs, in each state that an operation could act on. */
  let runs: Readonly<Record<'interrupted' | 'done' | 'threaded', string>>;
  let thread: string;
  let idle: string;
  let ownThread: string;

  const ask = (key: string, method: string, path: string, body?: Json) => site.ask(key, method, path, body);
  const asUs = (method: string, path: string, body?: Json) => ask(ours.key, method, path, body);
  const asThem = (method: string, path: string, body?: Json) => ask(theirs.key, method, path, body);

  /** Everything of theirs, as they see it. */
  async function takeStock(): Promise<readonly Json[]> {
    const paths = [
      ...Object.values(runs).map((id) => `/runs/${id}`),
      ...[thread, idle].map((id) => `/acp/v0.2/threads/${id}`),
    ];
    const histories = [thread, idle].map((id) => `/acp/v0.2/threads/${id}/history`);
    const item = `${itemsAt}?namespace=shared&key=k`;
    return await Promise.all([...paths, ...histories, item].map(async (path) => (await asThem('GET', path)).body));
  }

  beforeAll(async () => {
    site = await openAuthSite({
      sections: { auth: { keys: [ours.entry, theirs.entry] }, webhooks: { unsigned: true } },
    });
    const create = async (body: JsonObject) => idOf(await asThem('POST', '/runs', body), 'run_id');
    idle = idOf(await asThem('POST', '/acp/v0.2/threads', { metadata: { whose: 'theirs' } }), 'thread_id');
    thread = idOf(await asThem('POST', '/acp/v0.2/threads', {}), 'thread_id');
    ownThread = idOf(await asUs('POST', '/acp/v0.2/threads', {}), 'thread_id');
    await asThem('POST', `/acp/v0.2/threads/${idle}/runs/wait`, { agent_id: 'echo', input: { kept: 1 } });
    runs = {
      interrupted: await create(waiting),
      done: await create({ agent_id: 'echo', input: { secret: 'theirs' } }),
      threaded: await create({ ...waiting, thread_id: thread }),
    };
    for (const id of Object.values(runs)) await asThem('GET', `/runs/${id}/output?block_timeout=20`);
    await asThem('PUT', itemsAt, { ...itemName, value: { secret: idle } });
  });
  afterAll(() => site[Symbol.asyncDispose]());

  test('the operations that take a run or a thread of a tenant are found', () => {
    expect([perRun.length > 25, perThread.length > 15, others.length > 15]).toEqual([true, true, true]);
  });

  test.each(perRun)(
    '$name answers the same for a run of another tenant as for an absent one',
    async ({ operation, prefix }) => {
      const before = await takeStock();
      const { method, path } = operation;
      for (const runId of Object.values(runs)) {
        for (const threadId of [thread, ownThread]) {
          const at = (run_id: string) =>
            asUs(method, prefix + fill(path, { run_id, thread_id: threadId }), bodyOf(operation));
          const [foreign, missing] = [await at(runId), await at(absent)];
          expect([foreign.status, foreign.body]).toEqual([404, missing.body]);
          expect(missing.status).toBe(404);
          expect([...foreign.headers.keys()]).toEqual([...missing.headers.keys()]);
        }
      }
      expect(await takeStock()).toEqual(before);
    },
  );

  test.each(perThread)(
    '$name answers the same for a thread of another tenant as for an absent one',
    async ({ operation, prefix }) => {
      const before = await takeStock();
      const { method, path } = operation;
      for (const threadId of [thread, idle]) {
        const at = (thread_id: string) => asUs(method, prefix + fill(path, { thread_id }), bodyOf(operation));
        const [foreign, missing] = [await at(threadId), await at(absent)];
        expect([foreign.status, foreign.body]).toEqual([404, missing.body]);
        expect([...foreign.headers.keys()]).toEqual([...missing.headers.keys()]);
      }
      expect(await takeStock()).toEqual(before);
    },
  );

  test.each(others)('$name finds nothing of another tenant', async ({ operation, prefix }) => {
    const before = await takeStock();
    const { method, path } = operation;
    const answer = await asUs(method, prefix + fill(path, {}), bodyOf(operation));
    const text = JSON.stringify(answer.body);
    for (const id of [...Object.values(runs), thread, idle]) expect(text).not.toContain(id);
    expect(answer.status).toBeLessThan(500);
    expect(await takeStock()).toEqual(before);
  });

  test('the tenant itself finds its runs and threads', async () => {
    const found = (await asThem('POST', '/runs/search', { limit: 100 })).body as readonly { readonly run_id: string }[];
    expect(found.map(({ run_id }) => run_id)).toEqual(expect.arrayContaining(Object.values(runs)));
    const filters: readonly JsonObject[] = [
      { thread_id: thread },
      { metadata: { whose: 'theirs' } },
      { agent_id: 'echo' },
    ];
    for (const at of ['/acp/v0.2', '/agent-protocol']) {
      for (const filter of filters) {
        for (const what of ['runs', 'threads']) {
          const answer = await asUs('POST', `${at}/${what}/search`, filter);
          const text = JSON.stringify(answer.body);
          for (const id of [...Object.values(runs), thread, idle]) expect(text).not.toContain(id);
        }
      }
    }
  });

  test('a thread of another tenant cannot be joined, nor its id taken', async () => {
    const before = await takeStock();
    const join = { agent_id: 'echo', input: {}, thread_id: thread };
    expect((await asUs('POST', '/runs', join)).status).toBe(404);
    for (const multitask_strategy of ['reject', 'enqueue', 'interrupt', 'rollback']) {
      const body = { agent_id: 'echo', input: {}, multitask_strategy };
      expect((await asUs('POST', `/acp/v0.2/threads/${thread}/runs`, body)).status).toBe(404);
    }
    for (const if_exists of ['raise', 'do_nothing']) {
      const taken = await asUs('POST', '/acp/v0.2/threads', { thread_id: thread, if_exists });
      expect([if_exists, taken.status]).toEqual([if_exists, 409]);
    }
    expect(await takeStock()).toEqual(before);
  });

  test('an interrupt of another tenant is not answered, whatever names a client of AG-UI gives', async () => {
    const before = await takeStock();
    const messages = [{ id: 'm', role: 'user', content: '{}' }];
    const resume = [{ interruptId: `${runs.threaded}.3`, status: 'resolved', payload: { approved: true } }];
    for (const threadId of [thread, ownThread, 'a name']) {
      for (const status of ['resolved', 'cancelled']) {
        const body = { threadId, runId: `r-${status}`, messages: [], resume: [{ ...resume[0], status }] };
        const answer = await asUs('POST', '/ag-ui/approval', body);
        expect([answer.status, answer.body]).toEqual([200, expect.stringContaining('thread_not_interrupted')]);
      }
    }
    const joined = await asUs('POST', '/ag-ui/echo', { threadId: thread, runId: 'r', messages });
    expect([joined.status, joined.body]).toEqual([404, expect.objectContaining({ code: 'thread_not_found' })]);
    expect(await takeStock()).toEqual(before);
  });

  test('an item of another tenant cannot be read, changed or deleted', async () => {
    const before = await takeStock();
    const put = async (whose: string) => (await asUs('PUT', itemsAt, { ...itemName, value: { whose } })).status;
    const read = async () => await asUs('GET', `${itemsAt}?namespace=shared&key=k`);
    const search = async (body: JsonObject) => (await asUs('POST', `${itemsAt}/search`, body)).body;
    const searches: readonly JsonObject[] = [{}, { namespace_prefix: ['shared'] }, { filter: { secret: idle } }];
    await asUs('DELETE', itemsAt, itemName);
    expect((await read()).status).toBe(404);
    expect((await asUs('DELETE', itemsAt, itemName)).status).toBe(404);
    for (const body of searches) expect(await search(body)).toEqual({ items: [] });
    expect((await asUs('POST', '/agent-protocol/store/namespaces', {})).body).toEqual([]);
    expect([await put('ours'), await put('ours again')]).toEqual([204, 204]);
    expect((await read()).body).toMatchObject({ value: { whose: 'ours again' } });
    expect(await search({})).toMatchObject({ items: [{ value: { whose: 'ours again' } }] });
    expect(await takeStock()).toEqual(before);
    expect((await asThem('POST', `${itemsAt}/search`, {})).body).toMatchObject({
      items: [{ value: { secret: idle } }],
    });
    await asUs('DELETE', itemsAt, itemName);
    expect(await takeStock()).toEqual(before);
  });

  test('an idempotency key of another tenant replays nothing', async () => {
    const send = async (key: string) => {
      const headers = {
        authorization: `Bearer ${key}`,
        'content-type': 'application/json',
        'idempotency-key': 'shared-word',
      };
      const answer = await fetch(`${site.url}/runs`, { method: 'POST', headers, body: JSON.stringify(waiting) });
      return ((await answer.json()) as { run_id: string }).run_id;
    };
    const [first, second, third] = [await send(theirs.key), await send(ours.key), await send(theirs.key)];
    expect(third).toBe(first);
    expect(second).not.toBe(first);
  });
});

test('a cached run of another tenant is looked up in the store, like an absent one', async () => {
  const asked: string[] = [];
  const store = {
    shared: true,
    find: async ({ runId }: RunKey) => {
      asked.push(runId);
      return null;
    },
  };
  const cache = new RunCache(store, { maxRuns: 10, maxBytes: 100_000 }, () => undefined);
  const run = runOf({ tenant: 'theirs', phase: 'done', status: 'success' });
  cache.keep(run);
  expect(await cache.find({ tenant: 'theirs', runId: run.runId })).toBe(run);
  expect(asked).toEqual([]);
  expect(await cache.find({ tenant: 'ours', runId: run.runId })).toBeNull();
  expect(await cache.find({ tenant: 'ours', runId: absent })).toBeNull();
  expect(asked).toEqual([run.runId, absent]);
});
