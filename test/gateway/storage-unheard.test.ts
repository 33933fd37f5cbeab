import { Client } from 'pg';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { openPostgresProxy } from '../store/postgres-proxy.ts';
import { type PostgresServer, startPostgres } from '../store/postgres-server.ts';
import { asking, openStorageRig, patience, startOf, startsOf } from './storage-rig.ts';

vi.setConfig({ testTimeout: 120_000 });

const started = await startPostgres();
const reason = 'unavailable' in started ? started.unavailable : null;
const sections = { replicas: { heartbeatSeconds: 1, deadAfterSeconds: 2 } };

describe.skipIf(reason !== null)(
  `what PostgreSQL wrote and could not say${reason === null ? '' : ` (${reason})`}`,
  () => {
    const server = started as PostgresServer;
    afterAll(async () => {
      if (reason === null) await server.destroy();
    });

    test.concurrent('a new run whose write was committed without an answer is driven once', async () => {
      const url = await server.createDatabase();
      await using proxy = await openPostgresProxy(server.port);
      await using rig = await openStorageRig({ storeUrl: () => proxy.through(url), sections });
      const { intuned } = rig;
      intuned.plan = () => ({ status: 'completed', result: 'ran' });
      await using gateway = rig.serve();
      const client = await gateway.client();
      const headers = { 'idempotency-key': 'k-1' };
      for (const name of ['with-a-key', 'without-one']) {
        const lost = proxy.loseAnswerTo(name);
        const refused = await client.ask('POST', '/runs', asking(name), name === 'with-a-key' ? headers : {});
        expect(refused).toMatchObject({ status: 503, body: 'the store does not answer; nothing was accepted' });
        await lost;
      }
      const retried = await client.ask('POST', '/runs', asking('with-a-key'), headers);
      expect([retried.status, retried.headers.get('idempotent-replayed')]).toEqual([200, 'true']);
      expect(await client.output((retried.body as { run_id: string }).run_id)).toMatchObject({ status: 'success' });
      await vi.waitFor(async () => {
        const runs = await client.search({ limit: 10 });
        expect(runs.map(({ status }) => status)).toEqual(['success', 'success']);
      }, patience);
      for (const name of ['with-a-key', 'without-one']) expect(startsOf(intuned, name)).toHaveLength(1);
    });

    test.concurrent('runs whose claim was committed without an answer are driven', async () => {
      const url = await server.createDatabase();
      await using proxy = await openPostgresProxy(server.port);
      await using rig = await openStorageRig({ storeUrl: () => proxy.through(url), sections });
      const { intuned } = rig;
      await using dying = rig.serve();
      const { run_id } = await (await dying.client()).create(asking('left behind'));
      const upstream = await startOf(intuned, 'left behind');
      upstream.say({ status: 'started', result: 'half' });
      await (await (await dying.client()).stream(run_id)).find(({ result }) => result === 'half');
      await using heir = rig.serve();
      const client = await heir.client();
      // The statement that takes over the runs of the dead names them.
      const lost = proxy.loseAnswerTo(`{"${await ownerOf(url, run_id)}"}`);
      dying.kill('SIGKILL');
      await lost;
      upstream.say({ status: 'completed', result: 'ended' });
      expect(await client.output(run_id)).toMatchObject({ status: 'success', result: 'ended' });
      expect(startsOf(intuned, 'left behind')).toHaveLength(1);
    });
  },
);

async function ownerOf(url: string, runId: string): Promise<string> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ owner: string }>('SELECT owner FROM runs WHERE run_id = $1', [runId]);
    return rows[0]?.owner ?? '';
  } finally {
    await client.end();
  }
}
