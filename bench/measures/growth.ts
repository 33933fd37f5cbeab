import { join } from 'node:path';
import { v7 as uuidV7 } from 'uuid';
import type { Store } from '../../src/contract/store/store.ts';
import { openStore } from '../../src/store/open.ts';
import { PostgresServer, startPostgres } from '../../test/store/postgres-server.ts';
import { all } from '../../test/store/rows.ts';
import { silentLog } from '../../test/store/runs.ts';
import type { Bench } from '../bench.ts';
import { atMost, type Figure, formatNumber, type Measured, median } from '../figures.ts';
import { fillPostgres } from '../growth/fill-postgres.ts';
import { fillSqlite } from '../growth/fill-sqlite.ts';
import { agents, failedOneIn, makeRun, nameAgentId, tenant } from '../growth/template-run.ts';

const sizes = [10_000, 1_000_000];
const creates = 1500;
/** Creations under way at a time, as with fifty clients. */
const underWay = 50;
const searches = 100;

type Sized = { readonly size: number; readonly store: Store };
type Cost = { readonly createMicros: number; readonly searchMicros: number; readonly rareMicros: number };

/** What one creation and one search cost stores of several sizes. */
export async function measureGrowth(bench: Bench): Promise<Measured> {
  const sqlite = await measureSqlite(bench);
  const server = await startPostgres({ durable: true });
  if (!(server instanceof PostgresServer)) {
    return { figures: sqlite, skipped: [`growth on PostgreSQL: ${server.unavailable}`] };
  }
  try {
    return { figures: [...sqlite, ...(await measurePostgres(bench, server))] };
  } finally {
    await server.destroy();
  }
}

async function measureSqlite(bench: Bench): Promise<readonly Figure[]> {
  const stores: Sized[] = [];
  for (const size of sizes) {
    bench.say(`SQLite with ${formatNumber(size)} runs`);
    const file = join(bench.scratch, `growth-${size}.db`);
    await fillSqlite(file, size);
    stores.push({ size, store: await openStore(`sqlite:${file}`, { log: silentLog }) });
  }
  return await compare(bench, 'SQLite', stores);
}

async function measurePostgres(bench: Bench, server: PostgresServer): Promise<readonly Figure[]> {
  const stores: Sized[] = [];
  for (const size of sizes) {
    bench.say(`PostgreSQL with ${formatNumber(size)} runs`);
    const url = await server.createDatabase();
    await fillPostgres(url, size);
    stores.push({ size, store: await openStore(url, { log: silentLog }) });
  }
  return await compare(bench, 'PostgreSQL', stores);
}

/** Stores of all sizes take turns, after one turn that only warms them up. */
async function compare(bench: Bench, engine: string, stores: readonly Sized[]): Promise<readonly Figure[]> {
  // A turn takes a tenth of a second only.
  const rounds = bench.rounds * 2;
  bench.say(`${engine}: ${rounds} rounds`);
  const costs = new Map<number, Cost[]>(stores.map(({ size }) => [size, []]));
  try {
    for (let round = -1; round < rounds; round += 1) {
      for (const { size, store } of stores) {
        const cost = await takeCost(store);
        if (round >= 0) costs.get(size)?.push(cost);
      }
    }
  } finally {
    for (const { store } of stores) await store.close();
  }
  return [...costs].flatMap(([size, taken]) => describe(engine, size, taken, costs.get(sizes[0] ?? 0) ?? []));
}

async function takeCost(store: Store): Promise<Cost> {
  let left = creates;
  const create = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await store.insert(...makeRun(uuidV7(), left % agents, false));
    }
  };
  const search = (status: 'success' | 'error') => (index: number) =>
    all(store.search({ tenant, agentId: nameAgentId(index % agents), status, limit: 10, offset: 0 }));
  return {
    createMicros: (await time(() => Promise.all(Array.from({ length: underWay }, create)))) / creates,
    searchMicros: (await time(() => repeat(searches, search('success')))) / searches,
    rareMicros: (await time(() => repeat(searches, search('error')))) / searches,
  };
}

async function repeat(times: number, work: (index: number) => Promise<unknown>): Promise<void> {
  for (let index = 0; index < times; index += 1) await work(index);
}

async function time(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return (performance.now() - startedMs) * 1000;
}

function describe(engine: string, size: number, taken: readonly Cost[], least: readonly Cost[]): readonly Figure[] {
  const name = (what: string): string => `growth: ${engine}, ${formatNumber(size)} runs, ${what}`;
  const value = (key: keyof Cost): number => median(taken.map((cost) => cost[key]));
  const ratio = (key: keyof Cost): number =>
    median(taken.map((cost, round) => cost[key] / (least[round]?.[key] ?? Number.NaN)));
  const isLargest = size === sizes.at(-1);
  const absolute: readonly Figure[] = [
    { name: name('create'), value: value('createMicros'), unit: 'us', note: `${underWay} at a time` },
    { name: name('search by agent and status'), value: value('searchMicros'), unit: 'us' },
    { name: name(`search by agent and a status of one in ${failedOneIn}`), value: value('rareMicros'), unit: 'us' },
  ];
  if (size === sizes[0]) return absolute;
  const to = `/ ${formatNumber(sizes[0] ?? 0)} runs`;
  return [
    ...absolute,
    {
      name: name(`create ${to}`),
      value: ratio('createMicros'),
      unit: '',
      ...(isLargest && { bar: atMost(1.15) }),
    },
    {
      name: name(`search by agent and status ${to}`),
      value: ratio('searchMicros'),
      unit: '',
      ...(isLargest && { bar: atMost(2) }),
    },
    {
      name: name(`search by agent and rare status ${to}`),
      value: ratio('rareMicros'),
      unit: '',
      ...(isLargest && { bar: atMost(2) }),
    },
  ];
}
