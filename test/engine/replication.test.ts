import { afterAll, describe, expect, test, vi } from 'vitest';
import type { Run } from '../../src/contract/domain/run.ts';
import { followReplicas } from '../../src/engine/cluster/replication.ts';
import { EventBus } from '../../src/engine/events/event-bus.ts';
import { RunCache } from '../../src/engine/state/run-cache.ts';
import { openStore } from '../../src/store/open.ts';
import { PostgresServer, startPostgres } from '../store/postgres-server.ts';
import { makeRun, nextVersion, silentLog } from '../store/runs.ts';
import { VirtualClock } from './virtual-clock.ts';

const started = await startPostgres();
const reason = started instanceof PostgresServer ? null : started.unavailable;
const patience = { timeout: 20_000, interval: 5 };

describe.skipIf(reason !== null)(`replicas that miss notifications${reason === null ? '' : ` (${reason})`}`, () => {
  const server = started as PostgresServer;
  afterAll(async () => {
    if (reason === null) await server.destroy();
  });

  test('a watcher hears by the next sweep of a write whose announcement was lost', { timeout: 60_000 }, async () => {
    const url = await server.createDatabase();
    // Notifications do not leave their database, so what this store announces is lost.
    await using here = closing(await openStore(url, { log: silentLog, notifyUrl: await server.createDatabase() }));
    await using there = closing(await openStore(url, { log: silentLog }));
    const clock = new VirtualClock();
    const bus = new EventBus({ onPublish: () => {}, onRunWatched: () => {}, onThreadWatched: () => {} });
    const cache = new RunCache(there.store, { maxRuns: 10, maxBytes: 1_000_000 }, () => undefined);
    const live = { keys: () => [], get: () => undefined };
    const stop = followReplicas({ store: there.store, cache, bus, live, clock, log: silentLog });
    const [run, mark] = [makeRun({ owner: 'a' }), makeRun({ owner: 'a' })];
    for (const each of [run, mark]) await here.store.insert(each, []);
    const seen: (Run | null)[] = [];
    for (const { tenant, runId } of [run, mark]) bus.subscribe({ tenant, runId }, (news) => seen.push(news.run));

    await here.store.update({ run: nextVersion(run), expectedVersion: 1, expectedOwner: 'a', events: [] });
    // Written by another replica than the owner: heard with its commit, whatever becomes of announcements.
    await here.store.update({ run: nextVersion(mark), expectedVersion: 1, events: [] });
    await vi.waitFor(() => expect(seen).toMatchObject([{ runId: mark.runId, version: 2 }]), patience);
    await clock.advance(5000);
    await vi.waitFor(
      () => expect(seen).toContainEqual(expect.objectContaining({ runId: run.runId, version: 2 })),
      patience,
    );
    stop();
  });

  test('watched runs are read again many at a time, and one that cannot be read holds up no other', {
    timeout: 60_000,
  }, async () => {
    const url = await server.createDatabase();
    // What is written here is announced elsewhere, so that only the sweep finds it.
    await using here = closing(await openStore(url, { log: silentLog, notifyUrl: await server.createDatabase() }));
    await using there = closing(await openStore(url, { log: silentLog }));
    const reads: number[] = [];
    const findAll = there.store.findAll.bind(there.store);
    there.store.findAll = (keys) => {
      reads.push(keys.length);
      return findAll(keys);
    };
    const clock = new VirtualClock();
    const bus = new EventBus({ onPublish: () => {}, onRunWatched: () => {}, onThreadWatched: () => {} });
    const cache = new RunCache(there.store, { maxRuns: 10, maxBytes: 1_000_000 }, () => undefined);
    const live = { keys: () => [], get: () => undefined };
    const stop = followReplicas({ store: there.store, cache, bus, live, clock, log: silentLog });
    const runs = Array.from({ length: 70 }, () => makeRun({ owner: 'a' }));
    await Promise.all(runs.map((run) => here.store.insert(run, [])));
    const heard = new Set<string>();
    for (const { tenant, runId } of runs)
      bus.subscribe({ tenant, runId }, ({ run }) => run?.version === 2 && heard.add(runId));
    // A reference to a run of a vendor that is none: the row is written, and cannot be read.
    const upstream = { runId: 1 } as never;
    await Promise.all(
      runs.map((run, at) => {
        const next = nextVersion(run, at === 3 ? { upstream } : {});
        return here.store.update({ run: next, expectedVersion: 1, expectedOwner: 'a', events: [] });
      }),
    );
    await clock.advance(5000);
    await vi.waitFor(() => expect(heard.size).toBe(69), patience);
    // The first batch, each of its runs, and the two that follow.
    expect(reads).toEqual([32, ...Array.from({ length: 32 }, () => 1), 32, 6]);
    expect([...heard].includes(runs[3]?.runId ?? '')).toBe(false);
    stop();
  });
});

function closing<Store extends { close(): Promise<void> }>(store: Store) {
  return { store, [Symbol.asyncDispose]: () => store.close() };
}
