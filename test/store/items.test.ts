import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ItemQuery } from '../../src/contract/store/item-store.ts';
import { endOf, pathOf } from '../../src/store/item-rows.ts';
import { openStore } from '../../src/store/open.ts';
import { itemStatements } from '../../src/store/postgres/postgres-items.ts';
import { openDatabase } from '../../src/store/sqlite/database.ts';
import { selectCandidates } from '../../src/store/sqlite/item-search.ts';
import { prepareItems } from '../../src/store/sqlite/sqlite-items.ts';
import { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { measureTurns, nearlyLongest } from '../compute/held-turns.ts';
import { PostgresServer, startPostgres } from './postgres-server.ts';
import { all } from './rows.ts';
import { silentLog } from './runs.ts';

const directory = mkdtempSync(join(tmpdir(), 'rungate-items-'));
afterAll(() => rmSync(directory, { recursive: true }));

const page: ItemQuery = { tenant: 'main', prefix: ['a'], limit: 10, offset: 0 };

describe('items in SQLite', () => {
  let database: DatabaseSync;
  let store: SqliteStore;
  beforeAll(() => {
    database = openDatabase(join(directory, 'items.db'), 'normal');
    store = new SqliteStore({ database, busyTimeoutMs: 0, onCommit: () => {}, close: () => database.close() });
  });
  afterAll(() => store.close());

  test.each([
    ['a search', () => selectCandidates(page, [], undefined, 10).text],
    ['its next slice', () => selectCandidates(page, [], { path: '', key: '' }, 10).text],
    ['a filter', () => selectCandidates(page, ['x'], { path: '', key: '' }, 10).text],
    ['find', () => prepareItems(database).find.sourceSQL],
    ['remove', () => prepareItems(database).remove.sourceSQL],
    ['the namespaces', () => prepareItems(database).paths.sourceSQL],
  ])('%s of items walks the index without a sort or a scan of the table', (_, textOf) => {
    const steps = database.prepare(`EXPLAIN QUERY PLAN ${textOf()}`).all();
    const plan = steps.map(({ detail }) => String(detail)).join('\n');
    expect(plan).toMatch(/INDEX items_by_path \(tenant=\? AND \(?path/);
    expect(plan).not.toMatch(/SCAN items|TEMP B-TREE/);
  });

  test('a search past many items gives other work its turn', async () => {
    const writes = Array.from({ length: 8000 }, (_, n) =>
      store.items.put({ tenant: 'main', namespace: ['a', `${n}`], key: 'k', value: { n }, nowMs: 0 }),
    );
    await Promise.all(writes);
    const heldMs = async (work: Promise<unknown>): Promise<number> => {
      const { turnsMs } = await measureTurns(() => work);
      expect(turnsMs.length).toBeGreaterThan(1);
      return nearlyLongest(turnsMs);
    };
    expect(await heldMs(all(store.items.search({ ...page, filter: { n: -1 } })))).toBeLessThan(15);
    expect(await heldMs(all(store.items.search({ ...page, limit: 1000 })))).toBeLessThan(15);
    expect(await heldMs(store.items.namespaces({ ...page, suffix: ['none'] }))).toBeLessThan(15);
  });
});

const started = await startPostgres();

if (started instanceof PostgresServer) {
  afterAll(async () => await started.destroy(), 60_000);
  describePostgres(started);
} else {
  describe.skip(`items in PostgreSQL: ${started.unavailable}`, () => {
    test('every test of it', () => expect(started).toBeInstanceOf(PostgresServer));
  });
}

function describePostgres(server: PostgresServer): void {
  test('items in PostgreSQL are found by the index of the namespace', async () => {
    const url = await server.createDatabase();
    await (await openStore(url, { log: silentLog })).close();
    const client = new Client({ connectionString: url });
    await client.connect();
    const explain = async (text: string, values: unknown[], options = 'VERBOSE'): Promise<string> => {
      const { rows } = await client.query(`EXPLAIN (${options}) ${text}`, values);
      return rows.map((row: Record<string, string>) => row['QUERY PLAN']).join('\n');
    };
    try {
      await client.query(`INSERT INTO items (tenant, path, key, created_at_ms, updated_at_ms, entries, value)
        SELECT 'main', E'\\n' || (n % 50) || E'\\n', n::text, 0, 0, ARRAY['"n":' || n, '"even":' || (n % 2 = 0)], '{}'
        FROM generate_series(1, 20000) AS n`);
      await client.query('VACUUM ANALYZE items');
      const range = (labels: readonly string[]) => ['main', pathOf(labels), endOf(pathOf(labels))];
      const byPath = await explain(itemStatements.search, [...range(['7']), 10, 0]);
      expect(byPath).toMatch(/Index Scan using items_pkey on public.items/);
      expect(byPath).toMatch(/Index Cond: .*tenant = .*path >= .*path < /s);
      expect(byPath).not.toMatch(/Sort/);
      const filtered = await explain(itemStatements.filter, [...range(['7']), 10, 0, ['"n":1234']]);
      expect(filtered).toMatch(/Index Scan (using|on) items_pkey.*Index Cond: .*tenant = .*path >= .*path < /s);
      // Fifty namespaces of four hundred items: a few pages of the index for each, and not one for each item.
      const paths = await explain(itemStatements.paths, [...range([]), 1000], 'ANALYZE, BUFFERS');
      const pages = Number(/Buffers: shared hit=(\d+)/.exec(paths)?.[1]);
      expect(pages).toBeGreaterThan(50);
      expect(pages).toBeLessThan(500);
    } finally {
      await client.end();
    }
  });
}
