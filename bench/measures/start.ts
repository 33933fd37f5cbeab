import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench } from '../bench.ts';
import { atMost, type Figure, type Measured, median } from '../figures.ts';
import { startGateway } from '../gateway.ts';
import { applyLoad } from '../load.ts';
import { root } from '../places.ts';

const starts = 5;
const liveRuns = 10_000;
/** What the first seconds allocate is given back or kept by then. */
const restMs = 3000;

/** The program in a form, and the seconds of processor time that its start may take. */
type Form = { readonly name: string; readonly program: string; readonly maxCpuSeconds: number };

/** Processor time of a start, and memory at rest and with live runs: what stands beside each replica all day. */
export async function measureStart(bench: Bench): Promise<Measured> {
  bench.say('building the package');
  execFileSync(process.execPath, [join(root, 'deploy/build.ts')], { cwd: root, stdio: 'ignore' });
  const forms: readonly Form[] = [
    { name: 'package', program: join(root, 'bin/rungate.cjs'), maxCpuSeconds: 0.27 },
    { name: 'sources', program: join(root, 'src/main.ts'), maxCpuSeconds: 0.5 },
  ];
  const cpuMs = new Map<string, number[]>(forms.map(({ name }) => [name, []]));
  // The first start of each form fills the compile cache.
  for (let round = -1; round < starts; round += 1) {
    for (const form of forms) {
      const usedMs = await startOnce(bench, form, round);
      if (round >= 0) cpuMs.get(form.name)?.push(usedMs);
    }
  }
  const figures = forms.map(
    ({ name, maxCpuSeconds }): Figure => ({
      name: `start: CPU, ${name}`,
      value: median(cpuMs.get(name) ?? []) / 1000,
      unit: 's',
      bar: atMost(maxCpuSeconds),
    }),
  );
  return { figures: [...figures, ...(await measureMemory(bench))] };
}

async function startOnce({ scratch, vendor }: Bench, { name, program }: Form, round: number): Promise<number> {
  const options = { name: `start-${name}-${round}`, scratch, vendorUrl: vendor.url, program };
  const { child } = await startGateway(options);
  const usedMs = child.cpuMs();
  await child.stop();
  return usedMs;
}

async function measureMemory(bench: Bench): Promise<readonly Figure[]> {
  const { scratch, vendor } = bench;
  const options = { name: 'memory', scratch, vendorUrl: vendor.url, program: join(root, 'bin/rungate.cjs') };
  const { child, url } = await bench.use(startGateway(options));
  await sleep(restMs);
  const atRest = child.residentBytes();
  bench.say(`${liveRuns} live runs`);
  const body = JSON.stringify({ agent_id: 'hang', input: {} });
  const headers = { 'content-type': 'application/json' };
  const requests = [{ method: 'POST' as const, path: '/runs', headers, body }];
  await applyLoad({ url, connections: 50, seconds: 0, amount: liveRuns, requests, subjects: [child] });
  while ((await vendor.counts()).starts < liveRuns) await sleep(200);
  await sleep(restMs);
  return [
    { name: 'start: resident at rest, package', value: atRest / 1e6, unit: 'MB', bar: atMost(120) },
    {
      name: `start: resident with ${liveRuns} live runs`,
      value: child.residentBytes() / 1e6,
      unit: 'MB',
      bar: atMost(200),
    },
  ];
}
