import { Client } from 'pg';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { errcodes } from '../../src/contract/domain/errcodes.ts';
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

    test.concurrent.each([
      ['without a thread', '/runs', {}, 'found early'],
      // Written in a transaction, which nothing finds before its commit.
      ['with a thread', '/agent-protocol/runs', { on_completion: 'keep' }, 'COMMIT'],
    ])(
      'a new run %s that is found in the database before its write is answered is started once',
      async (_, path, more, committing) => {
        const url = await server.createDatabase();
        await using proxy = await openPostgresProxy(server.port);
        await using rig = await openStorageRig({ storeUrl: () => proxy.through(url), sections });
        const { intuned } = rig;
        intuned.plan = () => ({ status: 'completed', result: 'ran' });
        const answerStarts = intuned.hold('start');
        await using gateway = rig.serve();
        const client = await gateway.client();
        // From here on the gateway looks for runs of its own that it does not know.
        const lost = proxy.loseAnswerTo('forgotten');
        await client.ask('POST', '/runs', asking('forgotten'));
        await lost;
        const holdAnswer = () => proxy.holdAnswerTo(committing);
        const holding = committing === 'COMMIT' ? proxy.seeRequest('found early').then(holdAnswer) : holdAnswer();
        const creating = client.ask('POST', path, { ...asking('found early'), ...more });
        const hold = await holding;
        // What the first look found is driven, if it is, before the second.
        const look = 'owner = $1 AND run_id > $2';
        await proxy.seeRequest(look);
        await proxy.seeRequest(look);
        hold.release();
        const { run_id } = (await creating).body as { run_id: string };
        // A second start would be under way by the next look.
        await proxy.seeRequest(look);
        answerStarts();
        expect(await client.output(run_id)).toMatchObject({ status: 'success', result: 'ran' });
        expect(startsOf(intuned, 'found early')).toHaveLength(1);
      },
    );

    test.concurrent('a new run that need not wait is written as starting, and its start is settled by an heir', async () => {
      const url = await server.createDatabase();
      await using rig = await openStorageRig({ storeUrl: () => url, sections });
      const { intuned } = rig;
      const release = intuned.hold('start');
      await using dying = rig.serve();
      const { run_id } = await (await dying.client()).create(asking('asked for'));
      await intuned.counted('start', 1);
      expect(await rowOf(url, run_id)).toMatchObject({ phase: 'starting', version: '1' });
      await using heir = rig.serve();
      const client = await heir.client();
      dying.kill('SIGKILL');
      expect(await client.output(run_id)).toMatchObject({ status: 'error', errcode: errcodes.startUnknown });
      expect(intuned.count('start')).toBe(1);
      release();
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
      const lost = proxy.loseAnswerTo(`{"${(await rowOf(url, run_id))?.owner}"}`);
      dying.kill('SIGKILL');
      await lost;
      upstream.say({ status: 'completed', result: 'ended' });
      expect(await client.output(run_id)).toMatchObject({ status: 'success', result: 'ended' });
      expect(startsOf(intuned, 'left behind')).toHaveLength(1);
    });
  },
);

type Row = { readonly owner: string; readonly phase: string; readonly version: string };

async function rowOf(url: string, runId: string): Promise<Row | undefined> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<Row>('SELECT owner, phase, version FROM runs WHERE run_id = $1', [runId]);
    return rows[0];
  } finally {
    await client.end();
  }
}
