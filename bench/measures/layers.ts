import { join } from 'node:path';
import { type Bench, medianOf, medianRatio, takeTurns } from '../bench.ts';
import { type Figure, type Measured, median } from '../figures.ts';
import { neverLooks, startGateway } from '../gateway.ts';
import { layerNames } from '../layer-names.ts';
import { applyLoad, type LoadResult } from '../load.ts';
import { fetchAnswer, ownHeaders, startListening } from './create.ts';

const connections = 50;
const warmUps = 3;
const input = { url: 'https://shop.example/kettles/42', depth: 2 };
const headers = { 'content-type': 'application/json' };
const body = JSON.stringify({ agent_id: 'echo', input });

const adds: Readonly<Record<(typeof layerNames)[number], string>> = {
  node: 'node:http, JSON.parse',
  koa: '+ Koa',
  router: '+ @koa/router, koa-body',
  schema: '+ schema of the body',
  insert: '+ insert into SQLite, durable',
  vendor: '+ start at the vendor, undici',
  record: '+ its answer into SQLite, durable',
};

/** What each part of a create costs, from bare node:http to the gateway: the same request, answer and statements. */
export async function measureLayers(bench: Bench): Promise<Measured> {
  const { vendor, scratch, rounds, seconds } = bench;
  const gateway = await bench.use(startGateway({ name: 'layers', scratch, vendorUrl: vendor.url, pacing: neverLooks }));
  const answer = await fetchAnswer(`${gateway.url}/runs`, { method: 'POST', headers, body });
  const kept = [...answer.headers].filter(([name]) => !ownHeaders.includes(name));
  const answered = { headers: Object.fromEntries(kept), body: answer.body };
  const turnOf = (subject: typeof gateway, startsRuns: boolean) => async (): Promise<LoadResult> => {
    const { starts: before } = await vendor.counts();
    const settled = async (): Promise<number> => (await vendor.settledCounts()).starts - before;
    const requests = [{ method: 'POST' as const, path: '/runs', headers, body }];
    const load = { url: subject.url, connections, seconds, requests, subjects: [subject.child] };
    return await applyLoad(startsRuns ? { ...load, settled } : load);
  };
  const contestants: Record<string, () => Promise<LoadResult>> = {};
  for (const layer of layerNames) {
    const storeUrl = `sqlite:${join(scratch, `layer-${layer}.db`)}`;
    const given = JSON.stringify({ layer, vendorUrl: vendor.url, storeUrl, answered });
    const subject = await bench.use(startListening('layers.ts', given));
    contestants[adds[layer]] = turnOf(subject, layer === 'vendor' || layer === 'record');
  }
  contestants[whole] = turnOf(gateway, true);
  bench.say('warming up');
  await takeTurns(warmUps, contestants);
  bench.say(`${rounds} rounds`);
  const results = await takeTurns(rounds, contestants);
  const names = Object.keys(contestants);
  const of = (name: string | undefined): readonly LoadResult[] => results[name ?? ''] ?? [];
  return {
    figures: names.flatMap((name, at): readonly Figure[] => [
      { name: `layer ${name}: CPU each`, value: medianOf(of(name), 'cpuMicros'), unit: 'us' },
      { name: `layer ${name}: more than the one before`, value: medianRise(of(names[at - 1]), of(name)), unit: 'us' },
      { name: `layer ${name}: main thread, each`, value: medianOf(of(name), 'mainThreadMicros'), unit: 'us' },
      { name: `layer ${name}: share of the gateway`, value: medianRatio(of(name), of(whole), 'cpuMicros'), unit: '' },
    ]),
  };
}

const whole = 'the gateway';

/** The median over the rounds of what the second one costs more; all of it where it is the first. */
function medianRise(before: readonly LoadResult[], after: readonly LoadResult[]): number {
  return median(after.map(({ cpuMicros }, round) => cpuMicros - (before[round]?.cpuMicros ?? 0)));
}
