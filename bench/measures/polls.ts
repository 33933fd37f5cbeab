import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench } from '../bench.ts';
import { atLeast, atMost, type Measured } from '../figures.ts';
import { startGateway } from '../gateway.ts';
import { applyLoad } from '../load.ts';

const wanted = 10_000;
const settleMs = 2000;
const windowMs = 5000;
/** Jitter takes up to a fifth off the wait, evenly: on average a run is polled after nine tenths of it. */
const everySecond = { floorMs: 1000, watchedCeilingMs: 1000, ceilingMs: 1000 };
const meanWaitMs = 900;
const runs = wanted * (meanWaitMs / 1000);

/** Enough live runs that ten thousand polls a second are due, and how many of them the vendor gets. */
export async function measurePolls(bench: Bench): Promise<Measured> {
  const { vendor, scratch } = bench;
  const { child, url } = await bench.use(
    startGateway({ name: 'polls', scratch, vendorUrl: vendor.url, pacing: everySecond }),
  );
  bench.say(`${runs} live runs`);
  await applyLoad({
    url,
    connections: 50,
    seconds: 0,
    amount: runs,
    requests: [
      {
        method: 'POST',
        path: '/runs',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ agent_id: 'hang', input: {} }),
      },
    ],
    subjects: [child],
  });
  // Polls of the first runs delay the starts of the last ones.
  while ((await vendor.counts()).starts < runs) await sleep(200);
  await sleep(settleMs);
  const before = await vendor.counts();
  const [cpuBeforeMs, vendorCpuBeforeMs] = [child.cpuMs(), vendor.child.cpuMs()];
  const startedMs = performance.now();
  await sleep(windowMs);
  const after = await vendor.counts();
  const tookMs = performance.now() - startedMs;
  const looks = after.observes - before.observes;
  const perSecond = (looks / tookMs) * 1000;
  const cpuMs = child.cpuMs() - cpuBeforeMs;
  return {
    figures: [
      { name: 'polls: due', value: wanted, unit: '1/s', note: `${runs} live runs` },
      { name: 'polls: made', value: perSecond, unit: '1/s' },
      // Waits are whole milliseconds and a turn of the event loop late, which costs a hundredth without any load.
      { name: 'polls: made / due', value: perSecond / wanted, unit: '', bar: atLeast(0.98) },
      { name: 'polls: CPU each', value: (cpuMs * 1000) / looks, unit: 'us', bar: atMost(60) },
      { name: 'polls: CPU of the gateway', value: (cpuMs / tookMs) * 100, unit: '%' },
      {
        name: 'polls: CPU of the vendor',
        value: ((vendor.child.cpuMs() - vendorCpuBeforeMs) / tookMs) * 100,
        unit: '%',
      },
    ],
  };
}
