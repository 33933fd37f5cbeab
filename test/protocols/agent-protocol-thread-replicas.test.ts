import { afterAll, describe, expect, test } from 'vitest';
import { ask, objectIn, stringIn } from '../gateway/protocols.ts';
import { openSite, support } from '../gateway/site.ts';
import { RestackStandIn } from '../gateway/stand-ins.ts';
import { type PostgresServer, startPostgres } from '../store/postgres-server.ts';
import { type ThreadFrame, ThreadStreamReader } from './thread-stream-reader.ts';

const started = await startPostgres();
const reason = 'unavailable' in started ? started.unavailable : null;
const base = '/agent-protocol/threads';

const shown = (frames: readonly ThreadFrame[]) =>
  frames.map(({ data }) => [objectIn(data.params).run_id, objectIn(objectIn(data.params).data).event]);

describe.skipIf(reason !== null)(
  `the stream of a thread over two replicas${reason === null ? '' : ` (skipped: ${reason})`}`,
  () => {
    afterAll(async () => {
      if (!('unavailable' in started)) await started.destroy();
    });

    test("a thread's stream is the same at two replicas, and continues at the other one", async () => {
      await using restack = await RestackStandIn.open();
      const url = await (started as PostgresServer).createDatabase();
      // Who is not woken would look again by itself after five seconds.
      const options = { restack, agents: [support], sections: { store: { url } } };
      await using one = await openSite(options);
      await using two = await openSite(options);
      const [here, there] = [one.client.url, two.client.url];
      const thread_id = stringIn((await ask(here, 'POST', base, {})).body, 'thread_id');
      const path = `${base}/${thread_id}/stream`;
      const channels = ['lifecycle'];
      const readers = await Promise.all([here, there].map((at) => ThreadStreamReader.open(at + path, { channels })));
      const runIds: string[] = [];
      const frames: ThreadFrame[] = [];
      for (const at of [here, there, here]) {
        const params = { agent_id: 'support', input: {} };
        const answer = await ask(at, 'POST', `${base}/${thread_id}/commands`, { id: 1, method: 'run.start', params });
        const runId = stringIn(objectIn(answer.body).result, 'run_id');
        runIds.push(runId);
        (await restack.nextRun()).say({ status: 'completed', output: {} });
        const [mine = [], theirs] = await Promise.all(readers.map((reader) => reader.take(3)));
        expect(theirs).toEqual(mine);
        expect(shown(mine)).toEqual(['started', 'running', 'completed'].map((event) => [runId, event]));
        frames.push(...mine);
      }
      const seqs = frames.map(({ id }) => Number(id));
      expect(seqs).toEqual([...new Set(seqs)].toSorted((a, b) => a - b));
      const again = await ThreadStreamReader.open(there + path, { channels, since: seqs[3] ?? 0 });
      expect(await again.take(5)).toEqual(frames.slice(4));
      expect((await ask(here, 'DELETE', `${base}/${thread_id}`)).status).toBe(204);
      for (const reader of [...readers, again]) expect(await reader.end()).toBe('');
    }, 120_000);
  },
);
