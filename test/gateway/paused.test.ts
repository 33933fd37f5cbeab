import { afterAll, describe, expect, test, vi } from 'vitest';
import { type PostgresServer, startPostgres } from '../store/postgres-server.ts';
import type { AcpClient } from './client.ts';
import { reply } from './manners.ts';
import { asking, openStorageRig, readiness, startOf, startsOf } from './storage-rig.ts';

vi.setConfig({ testTimeout: 120_000 });

const started = await startPostgres();
const reason = 'unavailable' in started ? started.unavailable : null;

async function eventsOf(client: AcpClient, runId: string) {
  return await (await client.stream(runId)).end();
}

describe.skipIf(reason !== null)(
  `a replica that is paused past its lease${reason === null ? '' : ` (${reason})`}`,
  () => {
    const server = started as PostgresServer;
    afterAll(async () => {
      if (reason === null) await server.destroy();
    });

    test('a replica that was paused past its lease writes and starts nothing for the runs that it lost, and serves on', async () => {
      const url = await server.createDatabase();
      const sections = { replicas: { heartbeatSeconds: 1, deadAfterSeconds: 2 }, log: { level: 'debug' } };
      await using rig = await openStorageRig({ storeUrl: () => url, sections });
      const { intuned } = rig;
      await using paused = rig.serve();
      await using session = rig.serve();
      const [first, second] = [await paused.client(), await session.client()];

      const running = await first.create(asking('running'));
      const upstream = await startOf(intuned, 'running');
      upstream.say({ status: 'started', result: 'seen by the first' });
      await (await second.stream(running.run_id)).find(({ result }) => result === 'seen by the first');
      // Its next attempt falls due while the gateway is paused. A 503 would pause the account, and with it the next start.
      intuned.surprise('start', reply(425, { message: 'later' }, { 'retry-after': '3' }));
      const queued = await first.create(asking('queued'));
      await intuned.counted('start', 2);
      const answer = intuned.hold('start');
      const starting = await first.create(asking('starting'));
      await intuned.counted('start', 3);
      paused.kill('SIGSTOP');

      intuned.plan = () => ({ status: 'completed', result: 'ran' });
      // The vendor answers the start while the process is paused, which reads the answer when it continues.
      answer();
      await startOf(intuned, 'starting');
      expect(await second.output(starting.run_id)).toMatchObject({ status: 'error', errcode: 1002 });
      expect(await second.output(queued.run_id)).toMatchObject({ status: 'success', result: 'ran' });
      upstream.say({ status: 'started', result: 'seen by the second' });
      await (await second.stream(running.run_id)).find(({ result }) => result === 'seen by the second');

      paused.kill('SIGCONT');
      await paused.said(new RegExp(`(${running.run_id}[^\\n]*"run claimed by another replica")`));
      upstream.say({ status: 'completed', result: 'ended' });
      expect(await second.output(running.run_id)).toMatchObject({ status: 'success', result: 'ended' });
      // It serves on: it reports the same events as the other replica, and keeps driving its own runs.
      for (const { run_id } of [running, queued, starting]) {
        const [reported, also] = [await eventsOf(first, run_id), await eventsOf(second, run_id)];
        expect(reported).toEqual(also);
        expect(reported.map(({ id }) => id)).toEqual(reported.map((_, index) => String(index + 1)));
        expect(reported.filter(({ data }) => data.status !== 'pending')).toHaveLength(1);
      }
      expect(await readiness(first.url)).toMatchObject([200, { checks: { store: 'ok' } }]);
      const later = await first.create(asking('later'));
      expect(await second.output(later.run_id)).toMatchObject({ status: 'success', result: 'ran' });
      expect(startsOf(intuned, 'later')).toHaveLength(1);
      for (const gateway of [session, paused]) {
        gateway.kill('SIGTERM');
        expect(await gateway.exit()).toMatchObject({ code: 0, err: '' });
      }
      // It did try: the writes that one run's timer and another run's answer caused came too late.
      expect((await paused.exit()).out).toMatch(/"transition":"(begin|started)"[^\n]*"write refused/);
      for (const [name, asked] of [
        ['running', 1],
        ['queued', 2],
        ['starting', 1],
      ] as const) {
        const requests = intuned.asked.filter(({ body }) => JSON.stringify(body)?.includes(`"${name}"`));
        expect([name, requests.length, startsOf(intuned, name).length]).toEqual([name, asked, 1]);
      }
    });
  },
);
