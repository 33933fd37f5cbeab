import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { Bench } from '../bench.ts';
import { type Figure, type Measured, percentile } from '../figures.ts';
import { startGateway } from '../gateway.ts';
import { openStream } from '../stream-client.ts';

const runsEach = 150;
const shortestMs = 300;
const maxMs = 3000;
/** The gap between starts, so that no run waits for another's work. */
const apartMs = 20;
const created = z.object({ run_id: z.string() });

type Waiter = (url: string, runId: string) => Promise<void>;

/** From the vendor's end to the waiting client's answer, with the default pacing and no push. */
export async function measureFinish(bench: Bench): Promise<Measured> {
  const { vendor, scratch } = bench;
  const gateway = await bench.use(startGateway({ name: 'finish', scratch, vendorUrl: vendor.url }));
  const waiters: Readonly<Record<string, Waiter>> = { block_timeout: waitForAnswer, SSE: waitForEvent };
  const before = await vendor.counts();
  const lags = await Promise.all(
    Object.entries(waiters).map(
      async ([name, wait]) => [name, await watchRuns(bench, gateway.url, name, wait)] as const,
    ),
  );
  const after = await vendor.counts();
  const figures = lags.flatMap(([name, lagsMs]): readonly Figure[] => [
    { name: `finish to client, ${name}, p50`, value: percentile(lagsMs, 0.5), unit: 'ms' },
    { name: `finish to client, ${name}, p99`, value: percentile(lagsMs, 0.99), unit: 'ms' },
  ]);
  const looks = (after.observes - before.observes) / (after.starts - before.starts);
  const note = `runs of ${shortestMs} to ${maxMs} ms, default pacing, no push`;
  return { figures: [...figures, { name: 'finish to client, looks at the vendor', value: looks, unit: 'each', note }] };
}

async function watchRuns({ vendor }: Bench, url: string, name: string, wait: Waiter): Promise<readonly number[]> {
  return await Promise.all(
    Array.from({ length: runsEach }, async (_, index) => {
      await sleep(index * apartMs);
      const key = `${name} ${index}`;
      const ms = shortestMs + (maxMs - shortestMs) * ((index * 0.618) % 1);
      const body = JSON.stringify({ agent_id: 'echo', input: { key, ms: Math.round(ms) } });
      const answer = await fetch(`${url}/runs`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      });
      await wait(url, created.parse(await answer.json()).run_id);
      const seenAtMs = performance.timeOrigin + performance.now();
      const [run] = await vendor.runsOf(key);
      return seenAtMs - (run?.endedAtMs ?? Number.NaN);
    }),
  );
}

async function waitForAnswer(url: string, runId: string): Promise<void> {
  const { status } = await fetch(`${url}/runs/${runId}/output?block_timeout=30`);
  if (status !== 200) throw new Error(`the wait ended with ${status}`);
}

async function waitForEvent(url: string, runId: string): Promise<void> {
  const stream = openStream(new URL(url), runId);
  await stream.whenSeen('"type":"result"');
  stream.close();
}
