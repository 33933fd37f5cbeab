import { Client } from 'pg';
import { afterAll, describe, expect, test } from 'vitest';
import { openStore } from '../../src/store/open.ts';
import { encodeRows, readColumn } from '../../src/store/postgres/binary-rows.ts';
import { insertPlainRuns, updatePlainRuns } from '../../src/store/postgres/run-statements.ts';
import { PostgresServer, startPostgres } from './postgres-server.ts';
import { silentLog } from './runs.ts';

const started = await startPostgres();
const reason = started instanceof PostgresServer ? null : started.unavailable;

describe.skipIf(reason !== null)(`rows as arrays of a row type${reason === null ? '' : ` (${reason})`}`, () => {
  const server = started as PostgresServer;
  const opened: Client[] = [];
  afterAll(async () => {
    await Promise.all(opened.map((client) => client.end()));
    if (reason === null) await server.destroy();
  });

  async function connect(): Promise<Client> {
    const client = new Client({ connectionString: await server.createDatabase() });
    opened.push(client);
    await client.connect();
    return client;
  }

  test('texts, numbers and nulls of any kind reach the server as they are', async () => {
    const client = await connect();
    await client.query('CREATE TYPE sample AS (word text, size bigint, count integer)');
    const { rows: types } = await client.query("SELECT 'sample'::regtype::oid AS oid");
    const rows = [
      ['', 0, 0],
      [null, null, null],
      ['"quoted", (bracketed) {braced} \\back\\ NULL', -1, -1],
      ['ä 漢 🚲 \u0001\t\n', Number.MAX_SAFE_INTEGER, 2 ** 31 - 1],
      ['x'.repeat(20_000), Number.MIN_SAFE_INTEGER, -(2 ** 31)],
      ['further cells are not written', 1_764_288_000_000, 7, null],
    ];
    const columns = ['word text', ' size bigint', 'count integer'].map(readColumn);
    const text = 'SELECT word, size::text, count FROM unnest($1::sample[]) AS given';
    const { rows: found } = await client.query(text, [encodeRows(columns, types[0].oid, rows)]);
    expect(found.map(Object.values)).toEqual(
      rows.map(([word, size, count]) => [word, size === null ? null : String(size), count]),
    );
    const { rows: none } = await client.query(text, [encodeRows(columns, types[0].oid, [])]);
    expect(none).toEqual([]);
  });

  test.each([insertPlainRuns, updatePlainRuns])(
    'the columns of $rowType are those that "$name" sends',
    async (plain) => {
      const url = await server.createDatabase();
      await (await openStore(url, { log: silentLog })).close();
      const found = await server.query(
        `SELECT attname AS name, format_type(atttypid, NULL) AS type FROM pg_attribute JOIN pg_type ON typrelid = attrelid
        WHERE typname = '${plain.rowType}' ORDER BY attnum`,
        new URL(url).pathname.slice(1),
      );
      expect(plain.columns).toEqual(found);
    },
  );

  test('a column of a type that is not written is refused', () => {
    expect(() => readColumn('at timestamptz')).toThrow('timestamptz');
  });
});
