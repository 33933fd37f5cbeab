import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { bodyOf, fill, readOperationRows } from '../protocols/operation-rows.ts';
import { type PostgresServer, startPostgres } from '../store/postgres-server.ts';
import { type Asked, type AuthSite, keyOf, openAuthSite } from './auth-site.ts';

/** Two keys of one tenant: one has all agents, one has a single one of them. */
const full = keyOf('full', { tenant: 'acme' });
const narrow = keyOf('narrow', { tenant: 'acme', agents: ['scrape'] });
const barred = keyOf('barred', { tenant: 'acme', agents: ['approval'] });

const { perRun, perThread, others } = await readOperationRows();
const absent = '0193b3a0-6b7c-7d2e-8f00-00000000dead';
const page = { url: 'https://a.example' };
const searches = others.filter(({ operation }) => operation.path.endsWith('/search'));
const runSearches = searches.filter(({ operation }) => operation.path === '/runs/search');
const threadSearches = searches.filter(({ operation }) => operation.path === '/threads/search');
const agentSearches = searches.filter(({ operation }) => operation.path === '/agents/search');

const sections = { auth: { keys: [full.entry, narrow.entry, barred.entry] }, webhooks: { unsigned: true } };
const idOf = ({ body }: Asked, name: string): string => String((body as JsonObject)[name]);
const idsOf = ({ body }: Asked, name: string): readonly string[] =>
  (body as readonly JsonObject[]).map((each) => String(each[name]));

const server = await startPostgres();
const places = [
  { store: 'SQLite', open: async () => await openAuthSite({ sections }) },
  {
    store: 'PostgreSQL',
    open: async () => await openAuthSite({ sections, storeUrl: await (server as PostgresServer).createDatabase() }),
  },
].filter(({ store }) => store === 'SQLite' || !('unavailable' in server));
afterAll(async () => {
  if (!('unavailable' in server)) await server.destroy();
});

describe.each(places)('a key that is for some agents, on $store', ({ open }) => {
  let site: AuthSite;
  /** Of other agents, and all of them of the key's own tenant. */
  let runs: Readonly<Record<'interrupted' | 'done' | 'threaded', string>>;
  let threads: readonly string[];
  /** Its own, newest first; the first of them in a thread. */
  let own: readonly string[];
  let ownThread: string;
  /** A thread that no agent has taken yet. */
  let unclaimed: string;

  const asFull = (method: string, path: string, body?: Json) => site.ask(full.key, method, path, body);
  const asNarrow = (method: string, path: string, body?: Json) => site.ask(narrow.key, method, path, body);

  async function takeStock(): Promise<readonly Json[]> {
    const paths = Object.values(runs).map((id) => `/runs/${id}`);
    const states = threads.flatMap((id) => [`/acp/v0.2/threads/${id}`, `/acp/v0.2/threads/${id}/history`]);
    return await Promise.all([...paths, ...states].map(async (path) => (await asFull('GET', path)).body));
  }

  beforeAll(async () => {
    site = await open();
    const create = async (body: JsonObject) => idOf(await asFull('POST', '/runs', body), 'run_id');
    const makeThread = async () => idOf(await asFull('POST', '/acp/v0.2/threads', {}), 'thread_id');
    const waiting = { agent_id: 'approval', input: { question: 'now?' } };
    const made: string[] = [];
    const [busy, idle] = [await makeThread(), await makeThread()];
    ownThread = await makeThread();
    unclaimed = await makeThread();
    threads = [busy, idle];
    made.push(await create({ agent_id: 'scrape', input: page, metadata: { at: 1 } }));
    const interrupted = await create({ ...waiting, metadata: { at: 1 } });
    made.push(await create({ agent_id: 'scrape', input: page }));
    const done = await create({ agent_id: 'echo', input: { secret: 'theirs' } });
    made.push(await create({ agent_id: 'scrape', input: page, metadata: { at: 1 } }));
    const threaded = await create({ ...waiting, thread_id: busy });
    await asFull('POST', `/acp/v0.2/threads/${idle}/runs/wait`, { agent_id: 'echo', input: { kept: 1 } });
    made.push(await create({ agent_id: 'scrape', input: page, thread_id: ownThread }));
    runs = { interrupted, done, threaded };
    own = made.toReversed();
    for (const id of [...own, ...Object.values(runs)]) await asFull('GET', `/runs/${id}/output?block_timeout=20`);
  });
  afterAll(() => site?.[Symbol.asyncDispose]());

  test('the operations that take a run or a thread are found', () => {
    const counts = [perRun, perThread, others, runSearches, threadSearches, agentSearches].map(({ length }) => length);
    expect(counts.map((count, at) => count >= ([25, 15, 15, 4, 4, 4][at] ?? 0))).toEqual(Array(6).fill(true));
  });

  test.each(perRun)(
    '$name answers a key for some agents the same for a run of another agent as for an absent one',
    async ({ operation, prefix }) => {
      const before = await takeStock();
      const { method, path } = operation;
      for (const runId of Object.values(runs)) {
        for (const thread_id of [...threads, ownThread]) {
          const at = (run_id: string) =>
            asNarrow(method, prefix + fill(path, { run_id, thread_id }), bodyOf(operation));
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
    '$name answers a key for some agents the same for a thread of another agent as for an absent one',
    async ({ operation, prefix }) => {
      const before = await takeStock();
      const { method, path } = operation;
      for (const threadId of threads) {
        const at = (thread_id: string) => asNarrow(method, prefix + fill(path, { thread_id }), bodyOf(operation));
        const [foreign, missing] = [await at(threadId), await at(absent)];
        expect([foreign.status, foreign.body]).toEqual([missing.status, missing.body]);
        // What would start the agent that the body names is refused for that.
        expect([403, 404]).toContain(foreign.status);
      }
      expect(await takeStock()).toEqual(before);
    },
  );

  test.each(others)('$name finds a key for some agents nothing of other agents', async ({ operation, prefix }) => {
    const before = await takeStock();
    const { method, path } = operation;
    const answer = await asNarrow(method, prefix + fill(path, {}), bodyOf(operation));
    const text = JSON.stringify(answer.body);
    for (const id of [...Object.values(runs), ...threads]) expect(text).not.toContain(id);
    expect(answer.status).toBeLessThan(500);
    expect(await takeStock()).toEqual(before);
  });

  test.each(runSearches)('$name finds a key for some agents its own runs, page by page', async ({ prefix }) => {
    const find = async (query: JsonObject, as = asNarrow) =>
      idsOf(await as('POST', `${prefix}/runs/search`, query), 'run_id');
    // ACP 0.2 keeps the runs of threads apart.
    const shown = prefix === '/acp/v0.2' ? own.slice(1) : own;
    expect(await find({ limit: 100 })).toEqual(shown);
    expect([await find({ limit: 2 }), await find({ limit: 2, offset: 2 })]).toEqual([
      shown.slice(0, 2),
      shown.slice(2, 4),
    ]);
    expect(await find({ metadata: { at: 1 } })).toEqual([own[1], own[3]]);
    expect(await find({ agent_id: 'scrape', limit: 100 })).toEqual(shown);
    expect(await find({ agent_id: 'echo' })).toEqual([]);
    expect(await find({ status: 'interrupted' })).toEqual([]);
    // That there was something to be found.
    expect(await find({ limit: 100 }, asFull)).toEqual(expect.arrayContaining([...shown, runs.done]));
    expect(await find({ status: 'interrupted' }, asFull)).toContain(runs.interrupted);
  });

  test.each(threadSearches)(
    '$name finds a key for some agents its own threads and those without an agent',
    async ({ prefix }) => {
      const find = async (query: JsonObject, as = asNarrow) =>
        idsOf(await as('POST', `${prefix}/threads/search`, query), 'thread_id');
      const found = await find({ limit: 100 });
      expect(found).toEqual(expect.arrayContaining([ownThread, unclaimed]));
      for (const id of threads) expect(found).not.toContain(id);
      expect(await find({ limit: 100 }, asFull)).toEqual(expect.arrayContaining([ownThread, unclaimed, ...threads]));
    },
  );

  test.each(agentSearches)('$name finds a key for some agents its own agents', async ({ prefix }) => {
    const count = async (as: typeof asNarrow) => {
      const { body } = await as('POST', `${prefix}/agents/search`, {});
      return [(body as Json[]).length, JSON.stringify(body).includes('scrape'), JSON.stringify(body).includes('echo')];
    };
    expect(await count(asNarrow)).toEqual([1, true, false]);
    expect(await count(asFull)).toEqual([3, true, true]);
  });

  test('a key for some agents reads its runs, and a key for another agent does not', async () => {
    for (const id of own) {
      expect((await asNarrow('GET', `/runs/${id}`)).status).toBe(200);
      expect((await site.ask(barred.key, 'GET', `/runs/${id}`)).status).toBe(404);
    }
    expect((await asNarrow('GET', `/acp/v0.2/threads/${ownThread}`)).status).toBe(200);
    expect((await site.ask(barred.key, 'GET', `/runs/${runs.interrupted}`)).status).toBe(200);
  });
});
