import { afterAll, describe, expect, test } from 'vitest';
import { type PostgresServer, startPostgres } from '../store/postgres-server.ts';
import { ask, objectIn, stringIn } from './protocols.ts';
import { openSite, support } from './site.ts';
import { RestackStandIn } from './stand-ins.ts';

const started = await startPostgres();
const reason = 'unavailable' in started ? started.unavailable : null;

describe.skipIf(reason !== null)(
  `one thread over two replicas${reason === null ? '' : ` (skipped: ${reason})`}`,
  () => {
    afterAll(async () => {
      if (!('unavailable' in started)) await started.destroy();
    });

    test('runs that wait for a thread get it one by one over two replicas, in the order of their creation', async () => {
      await using restack = await RestackStandIn.open();
      const url = await (started as PostgresServer).createDatabase();
      const options = { restack, agents: [support], sections: { store: { url } } };
      await using one = await openSite(options);
      await using two = await openSite(options);
      const urls = [one.client.url, two.client.url];
      const { body } = await ask(one.client.url, 'POST', '/acp/v0.2/threads', {});
      const path = `/acp/v0.2/threads/${stringIn(body, 'thread_id')}/runs`;
      // Not alternating, so that each replica follows runs of its own and of the other.
      const places = [0, 1, 1, 0, 0, 0, 1, 0, 1, 1];
      const runIds: string[] = [];
      for (const [n, place] of places.entries()) {
        const creation = { agent_id: 'support', input: { n }, multitask_strategy: 'enqueue' };
        const created = await ask(urls[place] ?? '', 'POST', path, creation);
        runIds.push(stringIn(created.body, 'run_id'));
      }
      const order: unknown[] = [];
      for (const runId of runIds) {
        const run = await restack.nextRun();
        order.push(objectIn(objectIn(run.asked.body).input).n);
        await run.polled(2);
        // No other run got the thread in between.
        expect(restack.runs).toHaveLength(order.length);
        run.say({ status: 'completed', output: { n: order.length } });
        // Read from the replica that did not drive the run, too.
        for (const each of urls) {
          const ended = await ask(each, 'GET', `${path}/${runId}/wait`);
          expect(objectIn(objectIn(ended.body).run)).toMatchObject({ run_id: runId, status: 'success' });
        }
      }
    }, 120_000);
  },
);
