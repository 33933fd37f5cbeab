import { afterAll, describe, expect, test } from 'vitest';
import { StorageFault } from '../../src/contract/store/store.ts';
import { openStore } from '../../src/store/open.ts';
import { describeStore } from '../store/contract.ts';
import { PostgresServer, startPostgres } from '../store/postgres-server.ts';
import { silentLog } from '../store/runs.ts';
import { Pgbouncer } from './pgbouncer.ts';

// `npm run test:pgbouncer`: takes as long as the contract suite on PostgreSQL itself, and needs pgbouncer.
const isAsked = process.env.RUNGATE_TEST_PGBOUNCER === 'yes';
const server = isAsked ? await startPostgres() : { unavailable: 'not asked for' };

if (server instanceof PostgresServer) {
  const pgbouncer = await Pgbouncer.start(server.port);
  afterAll(async () => {
    await pgbouncer.close();
    await server.destroy();
  });
  const direct = await server.createDatabase();
  const pooled = pgbouncer.through(direct);
  await (await openStore(pooled, { log: silentLog, notifyUrl: direct })).close();
  describeStore('PostgreSQL behind pgbouncer', {
    shared: true,
    notifyUrlOf: () => direct,
    makeUrl: async () => {
      await server.clearDatabase(direct);
      return pooled;
    },
  });

  test('a user with synchronous_commit off is refused behind a pooler, where nothing can be set', async () => {
    const url = await server.createDatabase();
    await server.query(`ALTER DATABASE ${new URL(url).pathname.slice(1)} SET synchronous_commit = off`);
    const store = await openStore(pgbouncer.through(url), { log: silentLog, notifyUrl: url });
    await expect(store.ping()).rejects.toThrow(StorageFault);
    await expect(store.ping()).rejects.toThrow(/synchronous_commit is off/);
    await store.close();
  });
} else {
  describe.skip('a PostgreSQL store behind pgbouncer', () => {
    test('every test of it', () => expect(server).toBeInstanceOf(PostgresServer));
  });
}
