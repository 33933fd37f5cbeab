import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { openStream, type StreamClient } from '../stream-client.ts';
import type { MeteredVendor } from './metered-vendor.ts';

export type Order = {
  readonly url: string;
  readonly vendor: MeteredVendor;
  /** Names the runs' keys. */
  readonly name: string;
  readonly count: number;
  readonly perSecond: number;
  readonly agentOf: (index: number) => string;
  readonly durationMs: () => number;
};

/** From the run's end at the vendor to the client's last event, and all calls that the vendor got for the run. */
export type Watched = { readonly lagMs: number; readonly calls: number };

const created = z.object({ run_id: z.string() });

/** Creates runs at an even pace, reads the events of each from its creation on, and asks the vendor when each ended. */
export async function watchRuns(order: Order): Promise<readonly Watched[]> {
  const epochMs = readEpochMs();
  const startedMs = performance.now();
  const seen: Promise<{ readonly key: string; readonly seenMs: number }>[] = [];
  for (let index = 0; index < order.count; index += 1) {
    await sleep(Math.max(0, startedMs + (index * 1000) / order.perSecond - performance.now()));
    seen.push(watchOne(order, index));
  }
  const watched: Watched[] = [];
  for (const { key, seenMs } of await Promise.all(seen)) {
    const { endedAtMs, observes } = await order.vendor.endOf(key);
    watched.push({ lagMs: seenMs + epochMs - endedAtMs, calls: observes + 1 });
  }
  return watched;
}

async function watchOne({ url, name, agentOf, durationMs }: Order, index: number) {
  const key = `${name}-${index}`;
  const body = JSON.stringify({ agent_id: agentOf(index), input: { key, ms: Math.round(durationMs()) } });
  const answer = await fetch(`${url}/runs`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  const stream: StreamClient = openStream(new URL(url), created.parse(await answer.json()).run_id);
  const seenMs = await stream.whenSeen('"status":"success"');
  stream.close();
  return { key, seenMs };
}

/** Unix time at zero of `performance.now`, read at a tick of the wall clock, which has whole milliseconds. */
function readEpochMs(): number {
  const before = Date.now();
  let now = before;
  while (now === before) now = Date.now();
  return now - performance.now();
}
