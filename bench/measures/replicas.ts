import { PostgresServer, startPostgres } from '../../test/store/postgres-server.ts';
import { type Bench, medianOf, medianRatio } from '../bench.ts';
import type { Measured } from '../figures.ts';
import { type Gateway, neverLooks, startGateway } from '../gateway.ts';
import { applyLoad, type LoadResult } from '../load.ts';

const connections = 50;
const input = { url: 'https://shop.example/kettles/42', depth: 2 };

/** Creations a second with one and with two processes on one PostgreSQL. */
export async function measureReplicas(bench: Bench): Promise<Measured> {
  const server = await startPostgres({ durable: true });
  if (!(server instanceof PostgresServer)) return { figures: [], skipped: [`replicas: ${server.unavailable}`] };
  try {
    return await measureOn(bench, server);
  } finally {
    await server.destroy();
  }
}

async function measureOn(bench: Bench, server: PostgresServer): Promise<Measured> {
  const { vendor, scratch } = bench;
  const storeUrl = await server.createDatabase();
  const start = (name: string) =>
    bench.use(startGateway({ name, scratch, vendorUrl: vendor.url, pacing: neverLooks, storeUrl }));
  const both = [await start('replica-1'), await start('replica-2')] as const;
  const results = { one: [] as LoadResult[], two: [] as LoadResult[] };
  // A round takes twice as long as elsewhere.
  const rounds = Math.max(1, bench.rounds - 2);
  for (let round = -1; round < rounds; round += 1) {
    bench.say(round < 0 ? 'warming up' : `round ${round + 1}`);
    const one = await turn(bench, both.slice(0, 1));
    const two = await turn(bench, both);
    if (round < 0) continue;
    results.one.push(one);
    results.two.push(two);
  }
  const note = 'two cores for load, vendor, database and replicas together';
  return {
    figures: [
      { name: 'replicas: creates with 1 process', value: medianOf(results.one, 'perSecond'), unit: '1/s' },
      { name: 'replicas: creates with 2 processes', value: medianOf(results.two, 'perSecond'), unit: '1/s', note },
      { name: 'replicas: 2 processes / 1', value: medianRatio(results.two, results.one, 'perSecond'), unit: '' },
      { name: 'replicas: CPU each, 1 process', value: medianOf(results.one, 'cpuMicros'), unit: 'us' },
      { name: 'replicas: CPU each, 2 processes', value: medianOf(results.two, 'cpuMicros'), unit: 'us' },
    ],
  };
}

/** The same number of connections, spread over the processes. */
async function turn({ vendor, seconds }: Bench, replicas: readonly Gateway[]): Promise<LoadResult> {
  const { starts: before } = await vendor.counts();
  const settled = async (): Promise<number> => (await vendor.settledCounts()).starts - before;
  const request = {
    method: 'POST' as const,
    path: '/runs',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ agent_id: 'echo', input }),
  };
  const subjects = replicas.map(({ child }) => child);
  const loads = replicas.map(({ url }) =>
    applyLoad({ url, connections: connections / replicas.length, seconds, requests: [request], subjects, settled }),
  );
  const [first, ...others] = await Promise.all(loads);
  if (first === undefined) throw new Error('no replica');
  // Each of them counted all starts; the one that was done last counted until the end.
  return others.reduce((slowest, other) => (other.perSecond < slowest.perSecond ? other : slowest), first);
}
