import fc from 'fast-check';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import type { QuotaRequest, QuotaStore } from '../../src/contract/store/quota-store.ts';
import type { Store } from '../../src/contract/store/store.ts';
import { divideFairly } from '../../src/engine/limits/quota-lease.ts';
import { openStore } from '../../src/store/open.ts';
import { PostgresServer, startPostgres } from '../store/postgres-server.ts';
import { makeRun, silentLog } from '../store/runs.ts';

describe('a fair division', () => {
  const wants = fc.array(fc.nat(50), { minLength: 1, maxLength: 6 });

  test('a fair division grants every wish where there is enough, and never more than there is', () => {
    fc.assert(
      fc.property(fc.nat(100), wants, (total, all) => {
        const parts = all.map((want, index) => divideFairly(total, want, all.toSpliced(index, 1)));
        const sum = parts.reduce((a, b) => a + b, 0);
        const wanted = all.reduce((a, b) => a + b, 0);
        expect(sum).toBeCloseTo(Math.min(total, wanted), 6);
        for (const [index, part] of parts.entries()) expect(part).toBeLessThanOrEqual((all[index] ?? 0) + 1e-9);
      }),
    );
  });

  test('a fair division of too little takes from those who want most', () => {
    expect(divideFairly(10, 1, [9, 9])).toBe(1);
    expect(divideFairly(10, 9, [1, 9])).toBe(4.5);
  });
});

const started = await startPostgres();
if (started instanceof PostgresServer) {
  afterAll(async () => await started.destroy());
  describeShares(started);
} else {
  describe.skip(`quotas in PostgreSQL (${started.unavailable})`, () => {
    test('the tests of quotas in PostgreSQL need a server', () => expect(started).toBeInstanceOf(PostgresServer));
  });
}

function describeShares(server: PostgresServer): void {
  const opened: Store[] = [];
  const open = async (url: string): Promise<Store & { readonly quotas: QuotaStore }> => {
    const store = await openStore(url, { log: silentLog });
    opened.push(store);
    const { quotas } = store;
    if (quotas === null) throw new Error('a shared store divides quotas');
    return Object.assign(store, { quotas });
  };
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((store) => store.close()));
  });

  const ask = (
    replica: string,
    requests: Partial<QuotaRequest['requests']>,
    runs: Partial<QuotaRequest['runs']> = {},
    leaseMs = 60_000,
  ): QuotaRequest => ({
    ...{ backend: 'main', account: null, replica, leaseMs },
    requests: { total: 10, wanted: 0, inUse: 0, ...requests },
    runs: { total: null, agentIds: [], tenants: null, inUse: 0, wanted: 0, ...runs },
  });

  describe('quotas in PostgreSQL', () => {
    test('replicas that ask for shares at once never hold more than the total, and backends are independent', async () => {
      const url = await server.createDatabase();
      const stores = await Promise.all([open(url), open(url), open(url)]);
      for (let round = 0; round < 10; round += 1) {
        const parts = await Promise.all(
          stores.map(({ quotas }, index) => quotas.share(ask(`r${index}`, { wanted: 3 + ((index + round) % 3) * 3 }))),
        );
        expect(parts.reduce((sum, part) => sum + part.requests, 0)).toBeLessThanOrEqual(10);
      }
      const elsewhere = await stores[0].quotas.share({ ...ask('r0', { wanted: 10 }), backend: 'other' });
      expect(elsewhere.requests).toBe(10);
    });

    test('of the runs of an agent with several backends, those of the asking backend alone are counted', async () => {
      const store = await open(await server.createDatabase());
      for (const backend of ['main', 'main', 'other', undefined]) {
        const run = makeRun({ phase: 'running', agentId: 'places', backend });
        await store.insert(run, []);
      }
      await store.insert(makeRun({ phase: 'running', agentId: 'own' }), []);
      const runs = { total: 10, agentIds: ['own'], spreadAgentIds: ['places'], wanted: 10 };
      expect((await store.quotas.share(ask('r0', {}, runs))).starts).toBe(7);
      expect((await store.quotas.share({ ...ask('r0', {}, runs), backend: 'other' })).starts).toBe(8);
    });

    test('a share that one replica gives back goes to another, except requests that may still be in use', async () => {
      const url = await server.createDatabase();
      const { quotas } = await open(url);
      await quotas.share(ask('a', { wanted: 10 }));
      expect(await quotas.share(ask('b', { wanted: 5 }))).toEqual({
        requests: 0,
        starts: 0,
        others: [{ requests: 10, wanted: 10 }],
      });
      expect((await quotas.share(ask('a', { wanted: 2, inUse: 8 }))).requests).toBe(8);
      expect((await quotas.share(ask('b', { wanted: 5 }))).requests).toBe(2);
      expect((await quotas.share(ask('a', { wanted: 2, inUse: 1 }))).requests).toBe(2);
      expect((await quotas.share(ask('b', { wanted: 5 }))).requests).toBe(5);
    });

    test('a share that is not renewed is free after its lease', async () => {
      const url = await server.createDatabase();
      const { quotas } = await open(url);
      await quotas.share(ask('dead', { wanted: 10 }, {}, 200));
      expect((await quotas.share(ask('b', { wanted: 10 }))).requests).toBe(0);
      await vi.waitFor(async () => expect((await quotas.share(ask('b', { wanted: 10 }))).requests).toBe(10), {
        timeout: 20_000,
        interval: 50,
      });
    });

    test('starts are granted up to the bound, counting the live runs of every replica', async () => {
      const url = await server.createDatabase();
      const store = await open(url);
      const agentId = makeRun().agentId;
      const runs = { total: 5, agentIds: [agentId] };
      await store.insert(makeRun({ phase: 'running', owner: 'dead' }), []);
      await store.insert(makeRun({ phase: 'interrupted', status: 'interrupted' }), []);
      await store.insert(makeRun({ phase: 'done', status: 'success' }), []);
      await store.insert(makeRun({ phase: 'queued' }), []);
      await store.insert(makeRun({ phase: 'running', agentId: 'another backend' }), []);
      expect((await store.quotas.share(ask('a', {}, { ...runs, wanted: 2 }))).starts).toBe(2);
      expect((await store.quotas.share(ask('b', {}, { ...runs, wanted: 9 }))).starts).toBe(1);
      // A granted start that is not yet written stays granted.
      expect((await store.quotas.share(ask('a', {}, { ...runs, inUse: 2 }))).starts).toBe(2);
      expect((await store.quotas.share(ask('b', {}, { ...runs, inUse: 1, wanted: 9 }))).starts).toBe(1);
    });

    test('accounts of one backend have quotas of their own, and the live runs of their tenants count', async () => {
      const store = await open(await server.createDatabase());
      const agentIds = [makeRun().agentId];
      for (const tenant of ['acme', 'acme', 'bolt']) await store.insert(makeRun({ tenant, phase: 'running' }), []);
      const askFor = (account: string, tenants: readonly string[]) => {
        const request = ask('a', { wanted: 10 }, { total: 3, agentIds, tenants, wanted: 3 });
        return store.quotas.share({ ...request, account });
      };
      expect(await askFor('one', ['acme', 'acmeToo'])).toMatchObject({ requests: 10, starts: 1 });
      expect(await askFor('two', ['bolt'])).toMatchObject({ requests: 10, starts: 2 });
      // The same account at another replica.
      const other = {
        ...ask('b', { wanted: 10 }, { total: 3, agentIds, tenants: ['bolt'], wanted: 3 }),
        account: 'two',
      };
      expect(await store.quotas.share(other)).toMatchObject({ requests: 0, starts: 0 });
    });

    test('a wake reaches the other replicas and not the one that sent it', async () => {
      const url = await server.createDatabase();
      const [here, there] = [await open(url), await open(url)];
      const heard: string[] = [];
      here.wakes?.subscribe((runId) => heard.push(`here ${runId}`));
      const stop = there.wakes?.subscribe((runId) => heard.push(`there ${runId}`));
      await here.wakes?.wakeRun('x');
      await vi.waitFor(() => expect(heard).toEqual(['there x']), { timeout: 20_000 });
      stop?.();
      await here.wakes?.wakeRun('y');
      await there.wakes?.wakeRun('z');
      await vi.waitFor(() => expect(heard).toEqual(['there x', 'here z']), { timeout: 20_000 });
    });
  });
}
