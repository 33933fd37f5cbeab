import { afterAll, describe, expect, test, vi } from 'vitest';
import { type PostgresServer, startPostgres } from '../store/postgres-server.ts';
import {
  asking,
  createAgain,
  expectRefusals,
  openStorageRig,
  patience,
  readiness,
  startOf,
  startsOf,
} from './storage-rig.ts';

vi.setConfig({ testTimeout: 120_000 });

const started = await startPostgres();
const reason = 'unavailable' in started ? started.unavailable : null;

describe.skipIf(reason !== null)(`a PostgreSQL that takes no writes${reason === null ? '' : ` (${reason})`}`, () => {
  const server = started as PostgresServer;
  afterAll(async () => {
    if (reason === null) await server.destroy();
  });

  test('with a demoted PostgreSQL reads are answered, work is refused, and readiness says so', async () => {
    const url = await server.createDatabase();
    const name = new URL(url).pathname.slice(1);
    const reconnect = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`;
    const replicas = { heartbeatSeconds: 1, deadAfterSeconds: 15 };
    await using rig = await openStorageRig({ storeUrl: () => url, sections: { replicas } });
    const { intuned } = rig;
    await using gateway = rig.serve();
    const client = await gateway.client();
    const { run_id } = await client.create(asking('running'));
    const upstream = await startOf(intuned, 'running');
    upstream.say({ status: 'started' });
    await upstream.polled();

    await server.query(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
    await server.query(reconnect);
    await vi.waitFor(async () => expect(await readiness(client.url)).toMatchObject([503, {}]), patience);
    await expectRefusals(client);
    await vi.waitFor(async () => expect(await client.read(run_id)).toMatchObject({ status: 'pending' }), patience);
    upstream.say({ status: 'completed', result: 'ended meanwhile' });
    await upstream.polled();
    expect(await client.search({ limit: 10 })).toMatchObject([{ run_id, status: 'pending' }]);

    await server.query(`ALTER DATABASE ${name} RESET default_transaction_read_only`);
    await server.query(reconnect);
    intuned.plan = () => ({ status: 'completed', result: 'ran' });
    const after = await createAgain(client, 'after');
    expect(await client.output(after.run_id)).toMatchObject({ status: 'success', result: 'ran' });
    expect(await client.output(run_id)).toMatchObject({ status: 'success', result: 'ended meanwhile' });
    for (const each of ['running', 'after']) expect(startsOf(intuned, each)).toHaveLength(1);
    expect(startsOf(intuned, 'refused')).toEqual([]);
  });
});
