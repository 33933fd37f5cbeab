import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { openStore } from '../../src/store/open.ts';
import { measureTurns, nearlyLongest } from '../compute/held-turns.ts';
import { PostgresServer, startPostgres } from '../store/postgres-server.ts';
import { makeRun, nextVersion, silentLog } from '../store/runs.ts';
import { makeCheckpoint, makeThread } from '../store/threads.ts';
import { openSite, type Site, scraper } from './site.ts';
import { IntunedStandIn } from './stand-ins.ts';

const maxListBytes = 300_000;
const tenant = 'default';
const count = 30;
const long = 'x'.repeat(40_000);
const threadId = uuidv7();

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

/** A list over HTTP: how it is asked for, where its rows stand, and what names one. */
type Listed = {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: JsonObject;
  readonly rowsOf?: (answer: JsonObject) => readonly JsonObject[];
  readonly nameOf: (row: JsonObject) => Json | undefined;
  /** How many rows there are; left out, {@link count}. */
  readonly of?: number;
  /** A page of small rows holds all of them. */
  readonly isSmall?: boolean;
};

const [nameRun, nameThread] = [({ run_id }: JsonObject) => run_id, ({ thread_id }: JsonObject) => thread_id];
const input = { select: ['input'] };
const values = { select: ['values'] };
const nameCheckpoint = ({ checkpoint }: JsonObject) => (checkpoint as JsonObject).checkpoint_id;

const lists: readonly Listed[] = [
  { method: 'POST', path: '/runs/search', body: input, nameOf: nameRun },
  { method: 'POST', path: '/runs/search', nameOf: nameRun, isSmall: true },
  { method: 'POST', path: '/runs/search', body: { ...input, metadata: { team: 'a' } }, nameOf: nameRun },
  { method: 'POST', path: '/runs/search', body: { ...input, status: 'success' }, nameOf: nameRun },
  { method: 'GET', path: `/threads/${threadId}/history`, nameOf: nameRun },
  { method: 'POST', path: '/acp/v0.2/runs/search', body: input, nameOf: nameRun, of: 0 },
  { method: 'GET', path: `/acp/v0.2/threads/${threadId}/runs?limit=1000`, nameOf: nameRun },
  { method: 'POST', path: '/agent-protocol/runs/search', body: input, nameOf: nameRun },
  {
    method: 'POST',
    path: '/agent-protocol/runs/search',
    body: { thread_id: threadId },
    nameOf: nameRun,
    isSmall: true,
  },
  { method: 'POST', path: '/threads/search', nameOf: nameThread, isSmall: true },
  { method: 'POST', path: '/acp/v0.2/threads/search', body: values, nameOf: nameThread },
  { method: 'POST', path: '/acp/v0.2/threads/search', nameOf: nameThread, isSmall: true },
  {
    method: 'POST',
    path: '/agent-protocol/threads/search',
    body: { ...values, values: { kind: 'large' } },
    nameOf: nameThread,
  },
  {
    method: 'POST',
    path: '/agent-protocol/threads/search',
    body: { metadata: { team: 'a' } },
    nameOf: nameThread,
    isSmall: true,
  },
  { method: 'GET', path: `/acp/v0.2/threads/${threadId}/history?limit=1000`, nameOf: nameCheckpoint },
  { method: 'GET', path: `/agent-protocol/threads/${threadId}/history?limit=1000`, nameOf: nameCheckpoint },
  {
    method: 'POST',
    path: '/agent-protocol/store/items/search',
    rowsOf: ({ items }) => items as readonly JsonObject[],
    nameOf: ({ key }) => key,
  },
  {
    method: 'POST',
    path: '/agent-protocol/store/items/search',
    body: { filter: { kind: 'large' } },
    rowsOf: ({ items }) => items as readonly JsonObject[],
    nameOf: ({ key }) => key,
  },
  {
    method: 'POST',
    path: '/agent-protocol/store/namespaces',
    nameOf: (row) => JSON.stringify(row),
    isSmall: true,
  },
  { method: 'POST', path: '/agents/search', nameOf: ({ agent_id }) => agent_id, of: 1, isSmall: true },
  { method: 'POST', path: '/agent-protocol/agents/search', nameOf: ({ agent_id }) => agent_id, of: 1, isSmall: true },
];

/** Writes what the lists are of, as a gateway would have. */
async function seed(url: string): Promise<void> {
  const store = await openStore(url, { log: silentLog });
  const thread = makeThread({ threadId, tenant, metadata: { team: 'a' }, values: { kind: 'large', long } });
  await store.threads.insertThread(thread);
  for (let n = 0; n < count; n++) {
    const outcome = { kind: 'result', value: { long: long.repeat(10) } } as const;
    const run = makeRun({ tenant, threadId, request: { input: { n, long }, metadata: { team: 'a' } } });
    const refuseBusy = false;
    await store.insert(run, [], undefined, { refuseBusy });
    const done = nextVersion(run, { phase: 'done', status: 'success', outcome });
    await store.update({ run: done, expectedVersion: 1, events: [] });
    const found = await store.threads.findThread({ tenant, threadId });
    if (found === null) throw new Error('the thread is gone');
    const checkpoint = makeCheckpoint(threadId, { values: { kind: 'large', long, n } });
    await store.threads.updateThread({ ...found, values: { kind: 'large', long } }, found.version, checkpoint);
    if (n > 0) await store.threads.insertThread(makeThread({ ...thread, threadId: uuidv7() }));
    const value = { kind: 'large', long, n };
    await store.items.put({ tenant, namespace: ['kept', `${n}`], key: `${n}`, value, nowMs: 1 });
  }
  await store.close();
}

/** Every page of a list, each with its bytes, its rows and what it says of the next. */
async function readPages(site: Site, { method, path, body = {}, rowsOf }: Listed) {
  const pages: { readonly bytes: number; readonly rows: readonly JsonObject[]; readonly text: string }[] = [];
  let [next, at]: [JsonObject | null, string] = [{}, path];
  while (next !== null) {
    const asked = method === 'GET' ? {} : { body: JSON.stringify({ limit: 1000, ...body, ...next }) };
    const headers = method === 'GET' ? {} : { 'content-type': 'application/json' };
    const answer = await fetch(new URL(at, site.client.url), { method, headers, ...asked });
    const text = await answer.text();
    expect([answer.status, answer.headers.get('content-length')], text.slice(0, 500)).toEqual([
      200,
      `${Buffer.byteLength(text)}`,
    ]);
    const parsed = JSON.parse(text) as JsonObject;
    pages.push({ bytes: Buffer.byteLength(text), rows: rowsOf?.(parsed) ?? (parsed as never), text });
    const more = answer.headers.get('x-pagination-next');
    next = more === null ? null : { offset: Number(more) };
    const link = /^<([^>]+)>; rel="next"$/.exec(answer.headers.get('link') ?? '')?.[1];
    expect(link !== undefined).toBe(method === 'GET' && more !== null);
    at = link ?? at;
  }
  return pages;
}

function describeLists(name: string, makeUrl: () => Promise<string>): void {
  describe(`lists of a gateway on ${name}`, () => {
    let [site, intuned]: [Site | null, IntunedStandIn | null] = [null, null];
    const open = (): Site => {
      if (site === null) throw new Error('no site');
      return site;
    };

    beforeAll(async () => {
      const url = await makeUrl();
      await seed(url);
      intuned = await IntunedStandIn.open();
      site = await openSite({ intuned, agents: [scraper], sections: { store: { url }, limits: { maxListBytes } } });
    });

    afterAll(async () => {
      await site?.[Symbol.asyncDispose]();
      await intuned?.[Symbol.asyncDispose]();
    });

    test.each(lists)(
      '$method $path $body is answered in pages within its bound, without gaps and repeats',
      async (list) => {
        const pages = await readPages(open(), list);
        const names = pages.flatMap(({ rows }) => rows.map(list.nameOf));
        const { of = count, isSmall = false } = list;
        expect(names).toHaveLength(of);
        expect(new Set(names).size).toBe(of);
        for (const { bytes } of pages) expect(bytes).toBeLessThanOrEqual(maxListBytes);
        if (isSmall || of === 0) expect(pages).toHaveLength(1);
        else expect(pages.length).toBeGreaterThan(3);
        // As many rows as fit: one more would not.
        for (const { bytes, rows } of pages.slice(0, -1))
          expect(bytes + (bytes / rows.length) * 1.1).toBeGreaterThan(maxListBytes);
        // No list shows an output, and none but a state or an input that was asked for is long.
        if (isSmall) for (const { text } of pages) expect(text).not.toContain('xxx');
      },
    );

    test('a row that is larger than the bound comes alone', async () => {
      const { client } = open();
      const large = { long: 'y'.repeat(900_000) };
      const { run_id } = await client.create({ agent_id: 'price-scraper', input: large });
      await client.create({ agent_id: 'price-scraper', input: { small: 1 } });
      await client.create({ agent_id: 'price-scraper', input: { small: 2 } });
      const { agent_id } = await client.read(run_id);
      const list: Listed = {
        method: 'POST',
        path: '/runs/search',
        body: { ...input, agent_id: agent_id },
        nameOf: nameRun,
      };
      const pages = await readPages(open(), list);
      expect(pages.map(({ rows }) => rows.length)).toEqual([2, 1]);
      expect(pages[1]?.rows).toMatchObject([{ run_id, input: large, creation: { input: large } }]);
    });

    test('a page that is full says where the next one begins', async () => {
      const { client } = open();
      const { headers, body } = await client.ask('POST', '/runs/search', { limit: 7, offset: 3, status: 'success' });
      expect([(body as readonly Json[]).length, headers.get('x-pagination-next')]).toEqual([7, '10']);
      const last = await client.ask('POST', '/runs/search', { limit: 7, offset: 28, status: 'success' });
      expect([(last.body as readonly Json[]).length, last.headers.get('x-pagination-next')]).toEqual([2, null]);
    });

    const members = (length: number) => Object.fromEntries(Array.from({ length }, (_, n) => [`key-${n}`, n]));
    const deep = (depth: number) => Array.from({ length: depth }).reduce<Json>((below) => ({ a: below }), 1);
    const filters: readonly [string, JsonObject, 200 | 422][] = [
      ['100 members', members(100), 200],
      ['101 members', members(101), 422],
      ['999 members', members(999), 422],
      ['1,000 members', members(1000), 422],
      ['40,000 members', members(40_000), 422],
      ['a value that is nested 90 levels deep', { a: deep(90) }, 200],
      ['a value that is nested 200 levels deep', { a: deep(200) }, 422],
      ['a list of 10,000 values', { a: Array.from({ length: 10_000 }, (_, n) => n % 7) }, 200],
      ['a list of 100,000 values', { a: Array.from({ length: 100_000 }, () => 1) }, 422],
      ['a text of 60,000 characters', { a: 'z'.repeat(60_000) }, 200],
      ['a text of 900,000 characters', { a: 'z'.repeat(900_000) }, 422],
      ['a name of 900,000 characters', { ['z'.repeat(900_000)]: 1 }, 422],
      ['an empty name', { '': 1 }, 200],
      ['a name with quotes, a percent sign and a zero character', { '\'"%_\\\0\n': '\0' }, 200],
    ];
    const searches = [
      ['/runs/search', 'metadata'],
      ['/acp/v0.2/runs/search', 'metadata'],
      ['/agent-protocol/runs/search', 'metadata'],
      ['/threads/search', 'metadata'],
      ['/acp/v0.2/threads/search', 'metadata'],
      ['/acp/v0.2/threads/search', 'values'],
      ['/agent-protocol/store/items/search', 'filter'],
    ] as const;
    const cases = searches.flatMap(([path, member]) =>
      filters.map(([what, filter, status]) => ({ path, member, what, filter, status })),
    );
    test.each(cases)(
      '$path with $member of $what is answered with $status',
      async ({ path, member, filter, status }) => {
        const answer = await fetch(new URL(path, open().client.url), {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ [member]: filter }),
        });
        const text = await answer.text();
        expect([answer.status, text.slice(0, 300)]).toEqual([
          status,
          status === 200
            ? expect.stringMatching(/^(\[\]|\{"items":\[\]\})$/)
            : expect.stringMatching(/at most|nested|deeper/),
        ]);
      },
    );

    test('a list of many large rows lets the event loop turn', async () => {
      const { turnsMs } = await measureTurns(async () => {
        await readPages(open(), { method: 'POST', path: '/runs/search', body: input, nameOf: nameRun });
      });
      expect(turnsMs.length).toBeGreaterThan(10);
      expect(nearlyLongest(turnsMs)).toBeLessThan(20);
    });
  });
}

const folder = mkdtempSync(join(tmpdir(), 'rungate-lists-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
describeLists('SQLite', async () => `sqlite:${join(folder, 'lists.db')}`);

const started = await startPostgres();
if (started instanceof PostgresServer) {
  afterAll(async () => await started.destroy(), 60_000);
  describeLists('PostgreSQL', () => started.createDatabase());
} else {
  describe.skip(`lists of a gateway on PostgreSQL: ${started.unavailable}`, () => {
    test('every test of it', () => expect(started).toBeInstanceOf(PostgresServer));
  });
}
