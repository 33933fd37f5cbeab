import { setTimeout as sleep } from 'node:timers/promises';
import { PostgresServer, startPostgres } from '../../test/store/postgres-server.ts';
import { atMost, type Figure, type Measured } from '../figures.ts';
import type { Gateway } from '../gateway.ts';
import { applyLoad } from '../load.ts';
import { startWatching } from './gateway.ts';
import type { WatchingBench } from './latency.ts';
import { type Arrivals, maxInOneSecond } from './metered-vendor.ts';

const agents = [{ name: 'hang', api: 'hang' }];
const settleMs = 5000;

const crowd = { runs: 10_000, budget: 500, windowMs: 30_000 };

/** Ten thousand live runs without a watcher, on one process with a budget. */
export async function measureLive(bench: WatchingBench): Promise<Measured> {
  const { vendor, scratch } = bench;
  const { budget } = crowd;
  const gateway = await bench.use(startWatching({ name: 'live', scratch, vendorUrl: vendor.url, agents, budget }));
  const { child } = gateway;
  bench.say(`${crowd.runs} live runs`);
  // What grows once, such as the young generation and compiled code, has grown after the first half.
  const half = crowd.runs / 2;
  await createRuns([gateway], half);
  await untilLive(bench, half);
  await sleep(settleMs);
  const halfBytes = await heldBytes(gateway);
  await createRuns([gateway], half);
  await untilLive(bench, crowd.runs);
  await sleep(settleMs);
  bench.say('all of them live');
  const before = await vendor.arrivals();
  const cpuBeforeMs = child.cpuMs();
  await sleep(crowd.windowMs);
  const cpuMs = child.cpuMs() - cpuBeforeMs;
  const residentBytes = child.residentBytes();
  const after = await vendor.arrivals();
  const tookMs = after.nowMs - before.nowMs;
  const calls = after.arrivalsMs.length - before.arrivalsMs.length;
  const heldEachBytes = ((await heldBytes(gateway)) - halfBytes) / half;
  return {
    figures: [
      {
        name: 'live: vendor calls',
        value: (calls / tookMs) * 1000,
        unit: '1/s',
        note: `${crowd.runs} runs, over 30 s`,
      },
      { name: 'live: CPU of the gateway', value: (cpuMs / tookMs) * 100, unit: '%', note: 'of one core' },
      { name: 'live: CPU a vendor call', value: (cpuMs * 1000) / calls, unit: 'us' },
      { name: 'live: resident memory', value: residentBytes / 2 ** 20, unit: 'MiB' },
      {
        name: 'live: memory a live run',
        value: heldEachBytes / 1024,
        unit: 'KiB',
        note: 'of the second half, garbage collected',
      },
      budgetFigure('live', after, budget),
    ],
  };
}

const trio = { runs: 1500, budget: 100, windowMs: 15_000 };

/** Three replicas that share a budget through PostgreSQL; one of them is killed halfway. */
export async function measureReplicas(bench: WatchingBench): Promise<Measured> {
  const server = await startPostgres({ durable: true });
  if (!(server instanceof PostgresServer)) return { figures: [], skipped: [`replicas: ${server.unavailable}`] };
  try {
    return await measureTrio(bench, await server.createDatabase());
  } finally {
    await server.destroy();
  }
}

async function measureTrio(bench: WatchingBench, storeUrl: string): Promise<Measured> {
  const { vendor, scratch } = bench;
  const { budget } = trio;
  const replicas: Gateway[] = [];
  for (const name of ['first', 'second', 'third']) {
    replicas.push(await bench.use(startWatching({ name, scratch, vendorUrl: vendor.url, agents, budget, storeUrl })));
  }
  bench.say(`${trio.runs} live runs on three replicas`);
  await createRuns(replicas, trio.runs);
  await untilLive(bench, trio.runs);
  bench.say('all of them live');
  const before = await vendor.arrivals();
  await sleep(trio.windowMs);
  const between = await vendor.arrivals();
  bench.say('one is killed');
  replicas.at(-1)?.child.signal('SIGKILL');
  // The other replicas claim its runs after 15 s.
  await sleep(trio.windowMs + 10_000);
  const after = await vendor.arrivals();
  return {
    figures: [
      { ...rateFigure('replicas: vendor calls, three replicas', before, between), note: `${trio.runs} runs` },
      rateFigure('replicas: vendor calls, one killed', between, after),
      budgetFigure('replicas', after, budget),
    ],
  };
}

function rateFigure(name: string, before: Arrivals, after: Arrivals): Figure {
  const calls = after.arrivalsMs.length - before.arrivalsMs.length;
  return { name, value: (calls / (after.nowMs - before.nowMs)) * 1000, unit: '1/s' };
}

/** Over the whole life of the vendor, starts too. */
function budgetFigure(name: string, { arrivalsMs, maxStallMs }: Arrivals, budget: number): Figure {
  return {
    name: `${name}: most calls in any one second`,
    value: maxInOneSecond(arrivalsMs),
    unit: '',
    bar: atMost(budget),
    note: `of ${arrivalsMs.length}, counted at the vendor, whose longest stall was ${Math.round(maxStallMs)} ms`,
  };
}

async function createRuns(gateways: readonly Gateway[], runs: number): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ agent_id: 'hang', input: {} });
  const requests = [{ method: 'POST' as const, path: '/runs', headers, body }];
  for (const { url, child } of gateways) {
    const amount = runs / gateways.length;
    await applyLoad({ url, connections: 20, seconds: 0, amount, requests, subjects: [child] });
  }
}

async function untilLive({ vendor }: WatchingBench, runs: number): Promise<void> {
  while ((await vendor.liveRuns()) < runs) await sleep(250);
}

/** Twice collected, with time for the system to take back what was freed. */
async function heldBytes({ child }: Gateway): Promise<number> {
  for (let times = 0; times < 2; times += 1) {
    child.signal('SIGUSR2');
    await sleep(700);
  }
  return child.residentBytes();
}
