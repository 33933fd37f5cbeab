import { expect, test } from 'vitest';
import type { Run, RunKey } from '../../src/contract/domain/run.ts';
import { Backends } from '../../src/engine/limits/backends.ts';
import { LiveRuns } from '../../src/engine/worker/live-runs.ts';
import { ParkedRuns } from '../../src/engine/worker/parked-runs.ts';
import { beginMemory } from '../../src/engine/worker/run-memory.ts';
import { silentLog as log, makeRun } from '../store/runs.ts';
import { makeAgent } from './scripted-agent.ts';
import { ScriptedVendor } from './scripted-vendor.ts';
import { VirtualClock } from './virtual-clock.ts';

const unbounded = { requestsPerSecond: null, burst: null, maxConcurrentRuns: null, maxPauseMs: 300_000, push: null };

/** Parked runs of the replica `here` over rows that a test changes, and the runs that went on. */
function makeParking() {
  const clock = new VirtualClock();
  const agent = makeAgent({
    connection: new ScriptedVendor(),
    layer: { status: { running: 'pending' }, output: 'output', error: 'error' },
  });
  const agents = { all: [agent], defaultAgent: agent, find: () => agent };
  const options = [{ name: 'scripted', secrets: [], ...unbounded }];
  const backends = new Backends({ clock, log, agents, replica: 'here', quotas: null, onWait: () => {} }, options);
  const live = new LiveRuns();
  const rows = new Map<string, Run>();
  const woken: Run[] = [];
  const reads: number[] = [];
  /** Called in the middle of a read. */
  const during: (() => void)[] = [];
  const parking = new ParkedRuns({
    ...{ replica: 'here', clock, backends, log, live, health: { forget: () => {} } },
    store: {
      findAll: async (keys: readonly RunKey[]) => {
        reads.push(keys.length);
        const found = keys.flatMap(({ runId }) => rows.get(runId) ?? []);
        during.shift()?.();
        return found;
      },
    },
    unpark: (run) => void woken.push(run),
  });
  const park = (delayMs: number): Run => {
    const run = makeRun({ phase: 'running', owner: 'here' });
    rows.set(run.runId, run);
    parking.park({ run, agent, memory: beginMemory(run, clock, null) }, delayMs);
    return run;
  };
  const write = (run: Run, change: Partial<Run>): Run => {
    const next = { ...run, ...change, version: run.version + 1 };
    rows.set(run.runId, next);
    return next;
  };
  return { clock, live, park, write, woken, reads, during };
}

test('parked runs that are due together are read a hundred at a time', async () => {
  const { clock, park, woken, reads } = makeParking();
  for (let count = 0; count < 250; count += 1) park(10_000);
  await clock.advance(10_000);
  expect([reads, woken.length]).toEqual([[100, 100, 50], 250]);
});

test('parked runs that are due apart are read apart, none later than it is due', async () => {
  const { clock, park, woken, reads } = makeParking();
  park(2000);
  park(3000);
  await clock.advance(2000);
  expect(woken).toHaveLength(1);
  await clock.advance(1000);
  expect([reads, woken.length]).toEqual([[1, 1], 2]);
});

test('an older state of a parked run that arrives late does not end it', async () => {
  const { clock, live, park, write, woken } = makeParking();
  const run = park(10_000);
  const away = write(run, { owner: 'other' });
  const back = write(away, { owner: 'here' });
  live.refresh(run.runId, back);
  live.refresh(run.runId, away);
  await clock.advance(10_000);
  expect(woken).toEqual([back]);
});

test('a parked run that is claimed back while it is being read goes on', async () => {
  const { clock, live, park, write, woken, reads, during } = makeParking();
  const run = park(10_000);
  const away = write(run, { owner: 'other' });
  during.push(() => live.refresh(run.runId, write(away, { owner: 'here' })));
  await clock.advance(10_000);
  expect(woken).toMatchObject([{ owner: 'here', version: 3 }]);
  expect(reads).toEqual([1, 1]);
});

test('a parked run that another replica has is dropped, and so is one that is gone', async () => {
  const { clock, live, park, write, woken } = makeParking();
  const [other, gone] = [park(10_000), park(10_000)];
  write(other, { owner: 'other' });
  live.refresh(gone.runId, null);
  await clock.advance(10_000);
  expect([woken, live.size, clock.timers]).toEqual([[], 0, 0]);
});
