import { Client } from 'pg';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import type { Run } from '../../src/contract/domain/run.ts';
import type { Thread } from '../../src/contract/domain/thread.ts';
import type { Insertion, Store, StoreChange } from '../../src/contract/store/store.ts';
import { openStore } from '../../src/store/open.ts';
import { lockThreads } from '../../src/store/postgres/thread-run-statements.ts';
import { PostgresServer, startPostgres } from './postgres-server.ts';
import { all } from './rows.ts';
import { makeEvent, makeRun, silentLog } from './runs.ts';
import { endRun, insertRun, makeCheckpoint, makeThread } from './threads.ts';

const started = await startPostgres();

if (started instanceof PostgresServer) {
  afterAll(async () => await started.destroy(), 60_000);
  describeReplicas(started);
} else {
  describe.skip(`threads of replicas: ${started.unavailable}`, () => {
    test('every test of it', () => expect(started).toBeInstanceOf(PostgresServer));
  });
}

function describeReplicas(server: PostgresServer): void {
  const opened: Store[] = [];
  const open = async (url: string): Promise<Store> => {
    const store = await openStore(url, { log: silentLog });
    opened.push(store);
    return store;
  };

  afterEach(async () => {
    await Promise.all(opened.splice(0).map((store) => store.close()));
  });

  describe('threads of replicas', { timeout: 60_000 }, () => {
    test('other replicas hear of runs and threads by kind, and the one that removed them hears nothing', async () => {
      const url = await server.createDatabase();
      const [here, there] = [await open(url), await open(url)];
      const [thread, kept] = [makeThread(), makeThread()];
      for (const each of [thread, kept]) await here.threads.insertThread(each);
      const [mine, theirs]: [StoreChange[], StoreChange[]] = [[], []];
      here.subscribe((change) => mine.push(change));
      there.subscribe((change) => theirs.push(change));
      const ofRun = ({ runId }: Run): StoreChange => ({ kind: 'run', id: runId });
      const ofThread = ({ threadId }: Thread): StoreChange => ({ kind: 'thread', id: threadId });
      const run = await endRun(here, await insertRun(here, thread.threadId));
      const other = await endRun(here, await insertRun(here, kept.threadId));
      const last = await insertRun(there, kept.threadId);
      // Those of a few milliseconds are gathered, so neither their order nor their number is fixed.
      const distinct = (changes: readonly StoreChange[]) => new Set(changes.map((change) => JSON.stringify(change)));
      const expectHeard = async (byThem: readonly StoreChange[], byMe: readonly StoreChange[]) => {
        const heard = () => expect([distinct(theirs), distinct(mine)]).toEqual([distinct(byThem), distinct(byMe)]);
        await vi.waitFor(heard, { timeout: 20_000, interval: 5 });
        for (const changes of [mine, theirs]) changes.length = 0;
      };
      // An insert changes the thread that others watch; an update changes the run as well.
      await expectHeard([ofThread(thread), ofRun(run), ofThread(kept), ofRun(other)], [ofThread(kept)]);
      expect(await here.threads.removeThread(thread, false)).toBe('removed');
      await expectHeard([ofRun(run), ofThread(thread)], []);
      await endRun(there, last);
      expect(await here.threads.removeThread(kept, true)).toBe('removed');
      await here.threads.insertThread(kept);
      const mark = await insertRun(here, kept.threadId);
      await here.remove(mark, 1);
      // The thread by its removal and by the run that it got.
      await expectHeard([ofThread(kept), ofRun(mark)], [ofRun(last), ofThread(kept)]);
      const { version, ...patched } = (await here.threads.findThread(kept)) ?? kept;
      expect(await here.threads.updateThread({ ...patched, version: version + 1 }, version, null)).toBe(true);
      await expectHeard([ofThread(kept)], []);
    });

    test('a replica of version 0.1.0 hears the runs and threads of a newer one, and is heard by it', async () => {
      const url = await server.createDatabase();
      const store = await open(url);
      const thread = makeThread();
      await store.threads.insertThread(thread);
      const run = await insertRun(store, thread.threadId);
      const changes: StoreChange[] = [];
      store.subscribe((change) => changes.push(change));
      const older = new Client({ connectionString: url });
      await older.connect();
      try {
        const heard: string[] = [];
        // As that version read a message.
        older.on('notification', ({ payload = '' }) => heard.push(...(payload.split(' ')[1] ?? '').split(',')));
        await older.query('LISTEN rungate_runs');
        await endRun(store, run);
        // The thread perhaps twice: the announcement of the insert may come after the LISTEN.
        const ids = [run.runId, thread.threadId];
        await vi.waitFor(() => expect(new Set(heard)).toEqual(new Set(ids)), { timeout: 20_000, interval: 5 });
        await older.query(`SELECT pg_notify('rungate_runs', 'older ' || $1::text)`, [ids.join(',')]);
        const known: readonly StoreChange[] = [
          { kind: 'run', id: run.runId },
          { kind: 'thread', id: thread.threadId },
        ];
        const hears = () => expect(changes).toEqual(expect.arrayContaining([...known]));
        await vi.waitFor(hears, { timeout: 20_000, interval: 5 });
      } finally {
        await older.end();
      }
    });

    /** Does to a thread in the middle of a write of another replica what that replica does under its lock. */
    async function inTheMiddle<T>(
      url: string,
      threadId: string,
      write: () => Promise<T>,
      change: string,
    ): Promise<Awaited<T>> {
      const other = new Client({ connectionString: url });
      await other.connect();
      try {
        await other.query('BEGIN');
        await other.query(lockThreads, [[threadId]]);
        const written = write();
        const waiting = `SELECT FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()`;
        await vi.waitFor(
          async () => {
            // Inside a transaction the view is read once, and then stays as it was.
            await other.query('SELECT pg_stat_clear_snapshot()');
            expect((await other.query(waiting)).rowCount).toBe(1);
          },
          { timeout: 20_000, interval: 5 },
        );
        await other.query(change);
        await other.query('COMMIT');
        return await written;
      } finally {
        await other.end();
      }
    }

    const insertLive = (threadId: string): string => `INSERT INTO runs (run_id, tenant, agent_id, agent_name, thread_id,
        phase, status, version, created_at_ms, updated_at_ms, state)
      VALUES ('other', 'main', 'a', 'a', '${threadId}', 'queued', 'pending', 1, 1, 1, '{}')`;
    const insertThread = (threadId: string): string => `INSERT INTO threads (thread_id, tenant, status, version,
        created_at_ms, updated_at_ms) VALUES ('${threadId}', 'main', 'busy', 1, 1, 1);
      INSERT INTO thread_states (thread_id, metadata, state_values, messages) VALUES ('${threadId}', '{}', 'null', '[]')`;

    test.each([true, false])(
      'an insert that waited for its thread sees a run that another replica inserted in between (thread exists: %s)',
      async (there) => {
        const url = await server.createDatabase();
        const store = await open(url);
        const create = makeThread();
        const { threadId } = create;
        if (there) await store.threads.insertThread(create);
        const run = makeRun({ threadId });
        const insert = (): Promise<Insertion> =>
          store.insert(run, [makeEvent(run)], undefined, { refuseBusy: true, create });
        const change = there ? insertLive(threadId) : `${insertThread(threadId)}; ${insertLive(threadId)}`;
        expect(await inTheMiddle(url, threadId, insert, change)).toEqual({ kind: 'thread-busy' });
        expect(await store.find(run)).toBeNull();
      },
    );

    test('the end of a run sees a run that another replica inserted in between', async () => {
      const url = await server.createDatabase();
      const store = await open(url);
      const thread = makeThread();
      await store.threads.insertThread(thread);
      const run = await insertRun(store, thread.threadId);
      const ended = await inTheMiddle(url, thread.threadId, () => endRun(store, run), insertLive(thread.threadId));
      expect(await store.find(run)).toEqual(ended);
      expect((await store.threads.findThread(thread))?.status).toBe('busy');
    });

    test('the removal of a run sees a run that another replica inserted in between', async () => {
      const url = await server.createDatabase();
      const store = await open(url);
      const thread = makeThread();
      await store.threads.insertThread(thread);
      const run = await insertRun(store, thread.threadId);
      const remove = (): Promise<boolean> => store.remove(run, 1);
      expect(await inTheMiddle(url, thread.threadId, remove, insertLive(thread.threadId))).toBe(true);
      expect((await store.threads.findThread(thread))?.status).toBe('busy');
    });

    test('a thread is not removed when another replica inserted a run in between', async () => {
      const url = await server.createDatabase();
      const store = await open(url);
      const thread = makeThread();
      await store.threads.insertThread(thread);
      const remove = () => store.threads.removeThread(thread, false);
      expect(await inTheMiddle(url, thread.threadId, remove, insertLive(thread.threadId))).toBe('busy');
      expect(await store.threads.findThread(thread)).toEqual(thread);
    });

    test('a thread is not given to two runs when another replica gave it to one in between', async () => {
      const url = await server.createDatabase();
      const store = await open(url);
      const thread = makeThread();
      await store.threads.insertThread(thread);
      const run = await insertRun(store, thread.threadId);
      const take = `${insertLive(thread.threadId)}; UPDATE threads SET active_run_id = 'other'`;
      const acquire = (): Promise<boolean> => store.threads.acquireThread(thread.threadId, run.runId);
      expect(await inTheMiddle(url, thread.threadId, acquire, take)).toBe(false);
      expect((await store.threads.findThread(thread))?.activeRunId).toBe('other');
    });

    test('colliding writes to many threads are retried and none is lost', async () => {
      const url = await server.createDatabase();
      const [here, there] = [await open(url), await open(url)];
      const threads = Array.from({ length: 60 }, () => makeThread());
      await Promise.all(threads.map((thread) => here.threads.insertThread(thread)));
      const work = threads.flatMap((thread, at) => [
        insertRun(at % 2 ? here : there, thread.threadId).then((run) => endRun(at % 3 ? here : there, run)),
        here.threads.updateThread({ ...thread, metadata: { a: 1 } }, 1, makeCheckpoint(thread.threadId)),
        there.threads.removeThread(makeThread(), false),
      ]);
      await Promise.all(work);
      const found = await all(here.threads.searchThreads({ tenant: 'main', limit: 100, offset: 0, status: 'idle' }));
      expect(found).toHaveLength(60);
    });
  });
}
