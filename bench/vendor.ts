import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { type Child, startNode } from './child.ts';
import { sources } from './places.ts';

const stats = z.object({
  starts: z.number(),
  inFlight: z.number(),
  requests: z.object({ intuned: z.object({ start: z.number(), observe: z.number() }) }),
});
const starts = z.record(z.string(), z.number());
const totalOf = ({ requests: { intuned } }: z.infer<typeof stats>): number => intuned.start + intuned.observe;
const notes = z.array(z.object({ startedAtMs: z.number(), endedAtMs: z.number().nullable(), observes: z.number() }));

/** The sandbox vendor in a process of its own. */
export type Vendor = {
  readonly child: Child;
  /** Base URL of the Intuned stand-in. */
  readonly url: string;
  /** Base URL of the Restack stand-in. */
  readonly restackUrl: string;
  /** How often runs were started and asked for, since it began. */
  counts(): Promise<{ readonly starts: number; readonly observes: number }>;
  /** The counts once no request is under way and none has come for `quietMs`. */
  settledCounts(quietMs?: number): Promise<{ readonly starts: number; readonly observes: number }>;
  /** Accepted starts by the `key` in their input. */
  startsByKey(): Promise<ReadonlyMap<string, number>>;
  /** What became of the runs whose input had that `key`. */
  runsOf(key: string): Promise<z.infer<typeof notes>>;
};

/** Header that the stand-in asks for. */
export const vendorHeaders = { 'content-type': 'application/json', 'x-api-key': 'sandbox-key' };

export async function startVendor(): Promise<Vendor> {
  const child = startNode({
    file: `${sources}/main.ts`,
    args: ['sandbox'],
    ready: /intuned: (\S+)\nrestack: (\S+)\n(?:.*\n)*control: (\S+)\n/,
  });
  const [, url = '', restackUrl = '', control = ''] = await child.whenReady();
  const ask = async (path: string): Promise<unknown> => (await fetch(`${control}${path}`)).json();
  const readStats = async () => stats.parse(await ask('/stats'));
  return {
    child,
    url,
    restackUrl,
    async counts() {
      const { starts, requests } = await readStats();
      return { starts, observes: requests.intuned.observe };
    },
    async settledCounts(quietMs = 20) {
      let before = await readStats();
      for (;;) {
        await sleep(quietMs);
        const now = await readStats();
        const isQuiet = now.inFlight === 0 && totalOf(now) === totalOf(before);
        if (isQuiet) return { starts: now.starts, observes: now.requests.intuned.observe };
        before = now;
      }
    },
    startsByKey: async () => new Map(Object.entries(starts.parse(await ask('/starts')))),
    runsOf: async (key) => notes.parse(await ask(`/runs/${encodeURIComponent(key)}`)),
  };
}
