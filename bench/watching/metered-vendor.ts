import { join } from 'node:path';
import { z } from 'zod';
import { type Child, startNode } from '../child.ts';
import { servers } from '../places.ts';

const metered = z.object({ nowMs: z.number(), arrivalsMs: z.array(z.number()), maxStallMs: z.number() });
const notes = z.array(z.object({ endedAtMs: z.number().nullable(), observes: z.number() }));

/** What the vendor saw of its clients. */
export type Arrivals = z.infer<typeof metered>;

/** The sandbox vendor in a process of its own, which knows when each call came and when each run ended. */
export type MeteredVendor = {
  readonly child: Child;
  /** Base URL of the Intuned stand-in. */
  readonly url: string;
  arrivals(): Promise<Arrivals>;
  /** Of the one run whose input had that `key`: when it ended at the vendor (Unix time) and how often it was asked for. */
  endOf(key: string): Promise<{ readonly endedAtMs: number; readonly observes: number }>;
  liveRuns(): Promise<number>;
};

export async function startMeteredVendor(): Promise<MeteredVendor> {
  const child = startNode({ file: join(servers, 'metered-vendor.ts'), ready: /vendor: (\S+) (\S+) (\S+)\n/ });
  const [, url = '', control = '', meter = ''] = await child.whenReady();
  const ask = async (path: string): Promise<unknown> => (await fetch(path)).json();
  return {
    child,
    url,
    arrivals: async () => metered.parse(await ask(meter)),
    async endOf(key) {
      const [run, ...others] = notes.parse(await ask(`${control}/runs/${encodeURIComponent(key)}`));
      const endedAtMs = run?.endedAtMs ?? null;
      if (run === undefined || endedAtMs === null || others.length > 0) throw new Error(`no single ended run ${key}`);
      return { endedAtMs, observes: run.observes };
    },
    liveRuns: async () => z.object({ liveRuns: z.number() }).parse(await ask(`${control}/stats`)).liveRuns,
  };
}

/** The most calls within any one second, wherever it begins. `atMs` ascends. */
export function maxInOneSecond(atMs: readonly number[]): number {
  let max = 0;
  let oldest = 0;
  for (const [index, eachMs] of atMs.entries()) {
    while ((atMs[oldest] ?? eachMs) <= eachMs - 1000) oldest += 1;
    max = Math.max(max, index - oldest + 1);
  }
  return max;
}
