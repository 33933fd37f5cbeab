import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { toReply } from '../../src/agents/chat.ts';
import type { Agent } from '../../src/contract/domain/agent.ts';
import type { Run } from '../../src/contract/domain/run.ts';
import { Lease } from '../../src/engine/cluster/lease.ts';
import { createEngine, type Engine } from '../../src/engine/create-engine.ts';
import type { BackendOptions } from '../../src/engine/limits/backends.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { openStore } from '../../src/store/open.ts';
import { PostgresServer, startPostgres } from '../store/postgres-server.ts';
import { silentLog } from '../store/runs.ts';
import { makeAgent } from './scripted-agent.ts';

const tenant = 'default';
const options: BackendOptions = {
  name: 'main',
  requestsPerSecond: 20,
  burst: 20,
  maxConcurrentRuns: 6,
  maxPauseMs: 300_000,
  push: { publicUrl: 'https://runs.example' },
  secrets: ['hush'],
};

/** A vendor that notes when it is called; its runs last until the test ends them. */
class ClockedVendor {
  readonly calledMs: number[] = [];
  readonly sinks: string[] = [];
  readonly #live = new Set<string>();
  maxLive = 0;
  endsAtOnce = true;

  async start(request: { readonly sink?: { readonly url: string } | undefined }) {
    this.calledMs.push(performance.now());
    const runId = `vendor-${this.calledMs.length}`;
    this.sinks.push(request.sink?.url ?? '');
    this.#live.add(runId);
    this.maxLive = Math.max(this.maxLive, this.#live.size);
    return { upstream: { runId } };
  }

  async observe(_target: unknown, { runId }: { readonly runId: string }) {
    this.calledMs.push(performance.now());
    if (this.endsAtOnce) this.#live.delete(runId);
    const status = this.endsAtOnce ? 'success' : 'running';
    return { status, raw: { status } };
  }
}

function agentOver(vendor: ClockedVendor): Agent {
  const layer = { status: { running: 'pending', success: 'success' }, output: 'status' };
  const capabilities = { resume: false, cancel: false, push: true, session: false };
  return makeAgent({ connection: vendor, layer }, { name: 'clocked', backend: options.name, capabilities });
}

const started = await startPostgres();
if (started instanceof PostgresServer) {
  afterAll(async () => await started.destroy());
  describeReplicas(started);
} else {
  describe.skip(`budgets of replicas on PostgreSQL (${started.unavailable})`, () => {
    test('the tests of budgets that replicas share need PostgreSQL', () =>
      expect(started).toBeInstanceOf(PostgresServer));
  });
}

function describeReplicas(server: PostgresServer): void {
  const closing: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  async function startReplicas(count: number, vendor: ClockedVendor, floorMs: number): Promise<readonly Engine[]> {
    const url = await server.createDatabase();
    const agent = agentOver(vendor);
    return await Promise.all(
      Array.from({ length: count }, async () => {
        const store = await openStore(url, { log: silentLog });
        const engine = createEngine({
          agents: { all: [agent], defaultAgent: agent, find: () => agent },
          backends: [options],
          store,
          clock: systemClock,
          pacing: { floorMs, watchedCeilingMs: floorMs, ceilingMs: 60_000 },
          fence: { staleAfterMs: 900_000, restoreCommand: 'rungate restore' },
          lease: new Lease({ store, clock: systemClock, log: silentLog }, { heartbeatMs: 5000, deadAfterMs: 15_000 }),
          idempotencyMs: 86_400_000,
          retentionMs: 86_400_000,
          replyOf: toReply,
          cache: { maxRuns: 100, maxBytes: 1_000_000 },
          log: silentLog,
          metrics: { count: () => {}, observe: () => {} },
        });
        await engine.start();
        closing.push(async () => {
          await engine.stop();
          await store.close();
        });
        return engine;
      }),
    );
  }

  const createOn = async (engine: Engine | undefined): Promise<Run> => {
    if (engine === undefined) throw new Error('no such replica');
    return (await engine.api.runs.create({ tenant, agent: undefined, request: { input: {} } })).run;
  };

  describe('three replicas on one database', () => {
    test("three replicas keep their backend's rate in every second and its bound of live runs, and finish in good time", async () => {
      const vendor = new ClockedVendor();
      const engines = await startReplicas(3, vendor, 100);
      const runs = await Promise.all(Array.from({ length: 30 }, (_, index) => createOn(engines[index % 3])));
      await vi.waitFor(() => expect(engines.map((engine) => engine.liveRuns().total)).toEqual([0, 0, 0]), {
        timeout: 60_000,
        interval: 20,
      });
      for (const run of runs) {
        expect(await engines[0]?.api.runs.get({ tenant, runId: run.runId })).toMatchObject({ status: 'success' });
      }
      const { calledMs, maxLive } = vendor;
      expect(calledMs).toHaveLength(60);
      for (const fromMs of calledMs) {
        const within = calledMs.filter((atMs) => atMs >= fromMs && atMs <= fromMs + 1000).length;
        expect(within).toBeLessThanOrEqual(20);
      }
      expect(maxLive).toBeLessThanOrEqual(6);
    }, 90_000);

    test('a push that reaches one replica wakes the run loop in another', async () => {
      const vendor = new ClockedVendor();
      vendor.endsAtOnce = false;
      const [first, second] = await startReplicas(2, vendor, 60_000);
      const run = await createOn(first);
      await vi.waitFor(() => expect(vendor.sinks).toHaveLength(1), { timeout: 20_000 });
      vendor.endsAtOnce = true;
      // No poll of its own is due for a minute.
      const stream = await second?.api.runs.watch({ tenant, runId: run.runId }, 0);
      const [backend = '', token = ''] = vendor.sinks[0]?.split('/').slice(-2) ?? [];
      expect(await second?.acceptPush(backend, token)).toBe(true);
      const kinds: string[] = [];
      for await (const events of stream ?? []) kinds.push(...events.map((event) => event.change.kind));
      expect(kinds.at(-1)).toBe('result');
    }, 60_000);
  });
}
