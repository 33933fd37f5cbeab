import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { GrantedQuota, QuotaRequest, QuotaStore } from '../../src/contract/store/quota-store.ts';
import type { Store } from '../../src/contract/store/store.ts';
import { Backends } from '../../src/engine/limits/backends.ts';
import type { CallQueue } from '../../src/engine/limits/call-queue.ts';
import type { ConcurrencyLimit } from '../../src/engine/limits/concurrency-limit.ts';
import { openStore } from '../../src/store/open.ts';
import { PostgresServer, startPostgres } from '../store/postgres-server.ts';
import { silentLog } from '../store/runs.ts';
import { VirtualClock } from './virtual-clock.ts';

const tenant = 'default';
const never = new AbortController().signal;

/** The store's quotas, whose answers can be delayed. */
class SlowShares implements QuotaStore {
  readonly #quotas: QuotaStore;
  readonly asked: QuotaRequest[] = [];
  answered = 0;
  held: Promise<void> = Promise.resolve();

  constructor(quotas: QuotaStore) {
    this.#quotas = quotas;
  }

  async share(request: QuotaRequest): Promise<GrantedQuota> {
    this.asked.push(request);
    const share = await this.#quotas.share(request);
    await this.held;
    this.answered += 1;
    return share;
  }

  async release(replica: string): Promise<void> {
    await this.#quotas.release(replica);
  }
}

const started = await startPostgres();
if (started instanceof PostgresServer) {
  afterAll(async () => await started.destroy());
  describeLease(started);
} else {
  describe.skip(`quota leases on PostgreSQL (${started.unavailable})`, () => {
    test('the tests of quota leases need PostgreSQL', () => expect(started).toBeInstanceOf(PostgresServer));
  });
}

function describeLease(server: PostgresServer): void {
  describe('a quota lease', () => {
    let clock: VirtualClock;
    let store: Store;
    let quotas: SlowShares;
    let callQueue: CallQueue;
    let concurrency: ConcurrencyLimit;
    let backends: Backends;
    let sent: number;

    beforeEach(async () => {
      clock = new VirtualClock();
      store = await openStore(await server.createDatabase(), { log: silentLog });
      if (store.quotas === null) throw new Error('a shared store divides quotas');
      quotas = new SlowShares(store.quotas);
      const agents = { all: [], defaultAgent: null, find: () => null };
      const unpushed = { burst: null, maxPauseMs: 300_000, push: null, secrets: [] };
      backends = new Backends({ clock, log: silentLog, agents, replica: 'a', quotas, onWait: () => {} }, [
        { name: 'main', requestsPerSecond: 20, maxConcurrentRuns: 3, ...unpushed },
      ]);
      ({ callQueue, concurrency } = backends.of('main', tenant));
      sent = 0;
    });
    afterEach(async () => {
      await backends.stop();
      await store.close();
    });

    function call(times: number): void {
      for (let time = 0; time < times; time += 1) {
        void callQueue.enter('watched', { tenant, signal: never }).permit.then(async (permit) => {
          await permit?.send(async () => {
            sent += 1;
          });
        });
      }
    }

    async function turns(count: number): Promise<void> {
      await clock.advance(0);
      await vi.waitFor(() => expect(quotas.answered).toBeGreaterThanOrEqual(count), {
        timeout: 20_000,
        interval: 2,
      });
      await clock.settle();
    }

    /** Lets time pass in steps that the lease can follow. */
    async function pass(ms: number): Promise<void> {
      for (let leftMs = ms; leftMs > 0; leftMs -= 500) {
        const { answered } = quotas;
        await clock.advance(500);
        if (quotas.asked.length > answered) await turns(quotas.asked.length);
      }
    }

    /** From now on the store does not answer before the returned function is called. */
    function hold(): () => void {
      const { promise, resolve } = Promise.withResolvers<void>();
      quotas.held = promise;
      return resolve;
    }

    test.each([-3_600_000, 3_600_000])(
      'a share is renewed on time although the wall clock stepped by %i ms',
      async (stepMs) => {
        call(5);
        await turns(1);
        // The lease comes to rest, and asks again only by its last turn's time.
        await pass(6000);
        clock.stepWall(stepMs);
        call(60);
        await pass(5000);
        expect(sent).toBe(65);
      },
    );

    test('no call goes before the store has granted a share, and queued calls go as soon as it has', async () => {
      const answer = hold();
      call(5);
      await clock.advance(10_000);
      expect(sent).toBe(0);
      answer();
      await turns(1);
      expect(sent).toBe(5);
    });

    test('requests that a lease gives back are no longer used, even before the store has answered', async () => {
      call(20);
      await turns(1);
      await pass(1000);
      expect(sent).toBe(20);
      const before = quotas.asked.length;
      const answer = hold();
      // The next turn asks for less, since nothing is wanted; many calls arrive during it.
      for (let step = 0; quotas.asked.length === before && step < 20; step += 1) await clock.advance(100);
      const asked = quotas.asked.at(-1)?.requests.wanted ?? Number.NaN;
      expect(asked).toBeLessThan(20);
      call(20);
      await clock.settle();
      expect(sent - 20).toBeLessThanOrEqual(asked);
      answer();
    });

    test('a share that cannot be renewed is not used past its lease', async () => {
      call(1);
      await turns(1);
      hold();
      await clock.advance(3000);
      const before = sent;
      call(1);
      await clock.advance(60_000);
      expect(sent).toBe(before);
    });

    test('a quota lease asks the store for nothing without demand, and again with demand', async () => {
      call(1);
      await turns(1);
      await pass(10_000);
      const { length } = quotas.asked;
      await clock.advance(60_000);
      expect(quotas.asked.length).toBe(length);
      call(1);
      await turns(length + 1);
      expect(sent).toBe(2);
    });

    test('grants that were not taken are void while the store is asked again', async () => {
      const taken: string[] = [];
      const take = (runId: string): void => {
        void concurrency
          .acquire({ tenant, agentId: 'agent', runId }, never, () => {})
          .then((isTaken) => isTaken && taken.push(runId));
      };
      const leaver = new AbortController();
      take('first');
      void concurrency.acquire({ tenant, agentId: 'agent', runId: 'second' }, leaver.signal, () => {});
      await turns(1);
      expect(taken).toEqual(['first']);
      // Two starts were granted for two runs. One leaves before its start, and its grant is free for the next.
      concurrency.release('second');
      const answer = hold();
      const before = quotas.asked.length;
      for (let step = 0; quotas.asked.length === before && step < 20; step += 1) await clock.advance(100);
      take('third');
      await clock.settle();
      expect(taken).toEqual(['first']);
      answer();
      await turns(before + 1);
      await pass(500);
      expect(taken).toEqual(['first', 'third']);
    });
  });
}
