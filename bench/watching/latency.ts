import { join } from 'node:path';
import type { Bench } from '../bench.ts';
import { atMost, type Figure, type Measured, percentile } from '../figures.ts';
import { narrow, seededRandom } from '../pacing/durations.ts';
import { startWatching } from './gateway.ts';
import type { MeteredVendor } from './metered-vendor.ts';
import { type Watched, watchRuns } from './watched-runs.ts';

export type WatchingBench = Pick<Bench, 'scratch' | 'use' | 'say'> & { readonly vendor: MeteredVendor };

const seed = 20261122;

/** From the vendor's end of a run to the client's event, where the vendor notifies the gateway. */
export async function measurePush(bench: WatchingBench): Promise<Measured> {
  // An event goes out once it is on disk, so the second one shows how much of the lag is the disk's, at the same time.
  const [durable, eased] = await Promise.all([watchPushed(bench, 'push'), watchPushed(bench, 'push, normal')]);
  const [median, last, mean, max] = figuresOf('push', durable);
  const [easedMedian, easedLast] = figuresOf('push, synchronous=normal', eased);
  return {
    figures: [
      median,
      { ...last, bar: atMost(50) },
      mean,
      { ...max, bar: atMost(3) },
      easedMedian,
      { ...easedLast, note: 'at the same time, hardly waiting for the disk' },
    ],
  };
}

async function watchPushed({ vendor, scratch, use, say }: WatchingBench, name: string): Promise<readonly Watched[]> {
  const storeUrl = `sqlite:${join(scratch, `${name}.db`)}${name === 'push' ? '' : '?synchronous=normal'}`;
  const agents = [{ name: 'echo', api: 'echo' }];
  const gateway = startWatching({ name, scratch, vendorUrl: vendor.url, agents, storeUrl, pushes: true });
  const { url } = await use(gateway);
  const random = seededRandom(seed);
  const order = { url, vendor, agentOf: () => 'echo' };
  say('one run, so that the gateway has heard from the vendor');
  await watchRuns({ ...order, name: `${name}, first`, count: 1, perSecond: 1, durationMs: () => 100 });
  say('300 runs of 1 to 25 s, 10 new ones a second');
  const durationMs = (): number => 1000 + 24_000 * random();
  return await watchRuns({ ...order, name, count: 300, perSecond: 10, durationMs });
}

/** The same where the gateway has to poll, before and after it knows how long such runs take. */
export async function measurePolling(bench: WatchingBench): Promise<Measured> {
  const { vendor, scratch } = bench;
  // Enough agents that none of them ends the number of runs that a forecast needs.
  const strangers = Array.from({ length: 60 }, (_, index) => `stranger-${index}`);
  const agents = [...strangers, 'known'].map((name) => ({ name, api: 'echo' }));
  const { url } = await bench.use(startWatching({ name: 'polling', scratch, vendorUrl: vendor.url, agents }));
  const random = seededRandom(seed);
  // The narrow ones of the table on simulated time, but a median of 8 s.
  const durationMs = (): number => (narrow.drawMs(random) * 8) / 60;
  const order = { url, vendor, durationMs };
  const ofKnown = { ...order, agentOf: () => 'known' };
  bench.say('300 runs of about 8 s of 60 agents without history, and 100 of one that gets a history');
  const [unknown] = await Promise.all([
    watchRuns({
      ...order,
      name: 'unknown',
      count: 300,
      perSecond: 15,
      agentOf: (index) => strangers[index % 60] ?? '',
    }),
    watchRuns({ ...ofKnown, name: 'learning', count: 100, perSecond: 5 }),
  ]);
  bench.say('300 runs of the agent with history');
  const known = await watchRuns({ ...ofKnown, name: 'known', count: 300, perSecond: 15 });
  return { figures: [...figuresOf('polling, no history', unknown), ...figuresOf('polling, with history', known)] };
}

function figuresOf(name: string, runs: readonly Watched[]): readonly [Figure, Figure, Figure, Figure] {
  const lagsMs = runs.map((run) => run.lagMs);
  const calls = runs.map((run) => run.calls);
  const mean = calls.reduce((sum, each) => sum + each, 0) / calls.length;
  return [
    {
      name: `${name}: vendor end to event, p50`,
      value: percentile(lagsMs, 0.5),
      unit: 'ms',
      note: `${runs.length} runs`,
    },
    { name: `${name}: vendor end to event, p99`, value: percentile(lagsMs, 0.99), unit: 'ms' },
    { name: `${name}: vendor calls a run, mean`, value: mean, unit: '', note: 'the start is one of them' },
    { name: `${name}: vendor calls a run, most`, value: Math.max(...calls), unit: '' },
  ];
}
