import { afterAll, describe, expect, test, vi } from 'vitest';
import { type PostgresServer, startPostgres } from '../store/postgres-server.ts';
import type { RungateProcess } from './process.ts';
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
import type { StreamReader } from './stream-reader.ts';

vi.setConfig({ testTimeout: 120_000 });

const started = await startPostgres();
const reason = 'unavailable' in started ? started.unavailable : null;

/** The ids that a reader was given, over one connection or several. */
function idsOf(...streams: readonly StreamReader[]): readonly number[] {
  return streams.flatMap(({ events }) => events.map(({ id }) => Number(id)));
}

async function expectCleanExits(gateways: readonly RungateProcess[]): Promise<void> {
  for (const gateway of gateways) {
    gateway.kill('SIGTERM');
    expect(await gateway.exit()).toMatchObject({ code: 0, err: '' });
  }
}

describe.skipIf(reason !== null)(`a gateway whose PostgreSQL goes away${reason === null ? '' : ` (${reason})`}`, () => {
  const server = started as PostgresServer;
  afterAll(async () => {
    if (reason === null) await server.destroy();
  });

  test('a gateway whose PostgreSQL is away refuses requests, keeps what vendors answered, and goes on when it is back', async () => {
    const url = await server.createDatabase();
    await using rig = await openStorageRig({ storeUrl: () => url });
    const { intuned } = rig;
    await using gateway = rig.serve();
    const client = await gateway.client();
    const running = await client.create(asking('running'));
    const upstream = await startOf(intuned, 'running');
    upstream.say({ status: 'started', result: 'half' });
    const stream = await client.stream(running.run_id);
    await stream.find(({ result }) => result === 'half');
    const answer = intuned.hold('start');
    const starting = await client.create(asking('starting'));
    await intuned.counted('start', 2);

    await server.stop('immediate');
    await expectRefusals(client);
    for (const [method, path, body] of [
      ['GET', `/runs/${running.run_id}`],
      ['GET', `/runs/${running.run_id}/output?block_timeout=1`],
      ['GET', `/runs/${running.run_id}/stream`],
      ['DELETE', `/runs/${running.run_id}`],
      ['POST', '/runs/search', {}],
    ] as const) {
      const refused = await client.ask(method, path, body);
      expect([method, path, refused.status, refused.headers.get('retry-after')]).toEqual([method, path, 503, '1']);
    }
    // The gateway drives the run, so it need not ask the database whether there is something to wait for.
    const waiting = client.output(starting.run_id);
    intuned.plan = () => ({ status: 'completed', result: 'ran' });
    answer();
    upstream.say({ status: 'completed', result: 'ended meanwhile' });
    await upstream.polled();
    await startOf(intuned, 'starting');
    await gateway.said(/("store unavailable; the transition is retried")/);

    await server.start();
    const after = await createAgain(client, 'after');
    expect(await client.output(after.run_id)).toMatchObject({ status: 'success', result: 'ran' });
    expect(await client.output(running.run_id)).toMatchObject({ status: 'success', result: 'ended meanwhile' });
    expect(await waiting).toMatchObject({ status: 'success', result: 'ran' });
    for (const name of ['running', 'starting', 'after']) {
      expect([name, startsOf(intuned, name).length]).toEqual([name, 1]);
    }
    expect(startsOf(intuned, 'refused')).toEqual([]);

    // The reader was kept, or asked to reconnect; either way it has everything once.
    const seen = await stream.end();
    const rest = await client.stream(running.run_id, { 'last-event-id': seen.at(-1)?.id ?? '' });
    await rest.end();
    const ids = idsOf(stream, rest);
    expect(ids).toEqual(ids.map((_, index) => index + 1));
    expect([...stream.events, ...rest.events].at(-1)?.data).toMatchObject({ result: 'ended meanwhile' });
    await expectCleanExits([gateway]);
  });

  test('a gateway can be stopped while PostgreSQL is away, and the next process finds what the vendor did', async () => {
    const url = await server.createDatabase();
    const replicas = { heartbeatSeconds: 1, deadAfterSeconds: 2 };
    // Budgets are shared by the replicas, so that they too have something to give back.
    const backend = { maxConcurrentRuns: 10, requestsPerSecond: 1000 };
    await using rig = await openStorageRig({ storeUrl: () => url, sections: { replicas }, backend });
    const { intuned } = rig;
    await using gateway = rig.serve();
    const client = await gateway.client();
    const { run_id } = await client.create(asking('running'));
    const upstream = await startOf(intuned, 'running');
    upstream.say({ status: 'started', result: 'half' });
    const stream = await client.stream(run_id);
    await stream.find(({ result }) => result === 'half');
    await server.stop('immediate');
    gateway.kill('SIGTERM');
    upstream.say({ status: 'completed', result: 'ended meanwhile' });
    await stream.end();
    expect(stream.dismissed).toBe(true);
    expect(await gateway.exit()).toMatchObject({ code: 0, err: '' });

    await server.start();
    await using next = rig.serve();
    const after = await next.client();
    expect(await after.output(run_id)).toMatchObject({ status: 'success', result: 'ended meanwhile' });
    expect(startsOf(intuned, 'running')).toHaveLength(1);
  });

  test('no replica claims the runs of replicas that could not send heartbeats while PostgreSQL was away', async () => {
    const url = await server.createDatabase();
    const replicas = { heartbeatSeconds: 1, deadAfterSeconds: 2 };
    await using rig = await openStorageRig({ storeUrl: () => url, sections: { replicas } });
    const { intuned } = rig;
    await using one = rig.serve();
    await using other = rig.serve();
    const gateways = [one, other];
    const clients = [await one.client(), await other.client()];
    const answer = intuned.hold('start');
    const names = ['of one', 'of the other'];
    const runs = await Promise.all(clients.map((client, index) => client.create(asking(names[index] ?? ''))));
    await intuned.counted('start', 2);

    await server.stop('immediate');
    // Three heartbeats, a second apart, that cannot be written.
    for (const gateway of gateways) await gateway.said(/((?:"store unavailable; heartbeat skipped[\s\S]*){3})/);
    await server.start();
    for (const { url: at } of clients) {
      await vi.waitFor(async () => expect(await readiness(at)).toMatchObject([200, {}]), patience);
    }
    // One heartbeat later each replica would have claimed the other's runs.
    const fresh = clients.map((client) => client.create(asking('fresh')));
    intuned.plan = () => ({ status: 'completed', result: 'ran' });
    await Promise.all(gateways.map((gateway) => gateway.said(/("store recovered; [^"]*")/)));
    answer();
    for (const run of [...runs, ...(await Promise.all(fresh))]) {
      expect(await clients[0]?.output(run.run_id)).toMatchObject({ status: 'success', result: 'ran' });
    }
    for (const name of names) expect(startsOf(intuned, name)).toHaveLength(1);
    await expectCleanExits(gateways);
  });
});
