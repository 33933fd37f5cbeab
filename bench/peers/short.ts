import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { atMost, type Figure, median, percentile } from '../figures.ts';
import { describeMachine } from '../machine.ts';
import { makeScratch } from '../places.ts';
import { publishReport } from '../report.ts';
import { countSyncs, writtenBytes } from '../syncs.ts';
import { startVendor } from '../vendor.ts';
import type { Engine } from './engine.ts';
import { makeGateway } from './gateway-engine.ts';
import { engines, installEngine } from './packages.ts';
import { makeRestate } from './restate-engine.ts';

const warmUpRuns = 50;
const input = { url: 'https://shop.example/kettles/42', depth: 2 };

/** From the creation of an instant run to its result: one client, this gateway and Restate in turns, both with their defaults. */
async function main(): Promise<number> {
  const { values } = parseArgs({ options: { runs: { type: 'string', default: '300' }, json: { type: 'string' } } });
  const runs = Number(values.runs);
  const installed = installEngine('restate');
  if ('unavailable' in installed) {
    process.stderr.write(`skipped: ${installed.unavailable}\n`);
    return 2;
  }
  const startedMs = performance.now();
  const scratch = makeScratch();
  const vendor = await startVendor();
  const [gatewayData, restateData] = ['gateway', 'restate'].map((name) => join(scratch, name)) as [string, string];
  for (const directory of [gatewayData, restateData]) mkdirSync(directory);
  const gateway = await makeGateway({
    name: 'rungate',
    dataDirectory: gatewayData,
    vendorship: { backend: { adapter: 'restack', baseUrl: vendor.restackUrl }, target: { workflow: 'echo' } },
  });
  const restate = await makeRestate({
    name: `Restate ${engines.restate.npm['@restatedev/restate-server']}`,
    directory: installed.directory,
    dataDirectory: restateData,
    env: { VENDOR_URL: `${vendor.restackUrl}/api/workflows/echo` },
  });
  const both = [gateway, restate];
  try {
    for (const engine of both) await engine.start();
    await takeTurns(both, warmUpRuns);
    const tookMs = await takeTurns(both, runs);
    const [ours = [], theirs = []] = tookMs;
    const figures: Figure[] = both.flatMap(({ name }, at) => [
      {
        name: `short run: ${name}, p50`,
        value: median(tookMs[at] ?? []),
        unit: 'ms',
        ...(name === gateway.name && { bar: atMost(25) }),
      },
      { name: `short run: ${name}, p99`, value: percentile(tookMs[at] ?? [], 0.99), unit: 'ms' },
    ]);
    figures.push({ name: 'short run / Restate', value: median(ours) / median(theirs), unit: '', bar: atMost(1.1) });
    const skipped: string[] = [];
    for (const engine of both) {
      const written = await measureWritten(engine, runs);
      figures.push(...written.figures);
      skipped.push(...written.skipped);
    }
    const tookSeconds = (performance.now() - startedMs) / 1000;
    const report = { machine: describeMachine(scratch), settings: values, tookSeconds, figures, skipped };
    publishReport(report, values.json);
    return 0;
  } finally {
    for (const engine of both) await engine.stop();
    await vendor.child.stop();
  }
}

/** Milliseconds of each run by engine. The engines alternate run by run, so that what else the machine does falls on both. */
async function takeTurns(contestants: readonly Engine[], runs: number): Promise<readonly (readonly number[])[]> {
  const tookMs = contestants.map((): number[] => []);
  for (let run = 0; run < runs; run += 1) {
    for (const [at, engine] of contestants.entries()) tookMs[at]?.push(await take(engine));
  }
  return tookMs;
}

async function take(engine: Engine): Promise<number> {
  const startedMs = performance.now();
  const ending = await engine.wait(await engine.create(crypto.randomUUID(), input));
  if ('error' in ending) throw new Error(`${engine.name}: ${ending.error}`);
  return performance.now() - startedMs;
}

/** What its processes make the kernel write for a run, and how often they make the disk durable. */
async function measureWritten(engine: Engine, runs: number) {
  const sumBytes = (): number => engine.children.reduce((sum, child) => sum + writtenBytes(child), 0);
  const takeAll = async (): Promise<void> => {
    for (let run = 0; run < runs; run += 1) await take(engine);
  };
  const before = sumBytes();
  await takeAll();
  const figures: Figure[] = [
    { name: `short run: ${engine.name}, written`, value: (sumBytes() - before) / runs / 1000, unit: 'kB' },
  ];
  const [server] = engine.children;
  if (server === undefined) throw new Error(`${engine.name} does not run`);
  const counted = await countSyncs(server, takeAll);
  if ('unavailable' in counted) return { figures, skipped: [`fsyncs: ${counted.unavailable}`] };
  figures.push({ name: `short run: ${engine.name}, fsyncs`, value: counted.syncs / runs, unit: 'each' });
  return { figures, skipped: [] };
}

process.exitCode = await main();
process.exit();
