import { parseArgs } from 'node:util';
import { PostgresServer, startPostgres } from '../../test/store/postgres-server.ts';
import { medianOf, medianRatio, takeTurns } from '../bench.ts';
import type { Child } from '../child.ts';
import { atLeast, type Figure } from '../figures.ts';
import { startGateway } from '../gateway.ts';
import { applyLoad, type LoadResult } from '../load.ts';
import { describeMachine } from '../machine.ts';
import { sequence, throughGateway } from '../measures/whole-run.ts';
import { makeScratch } from '../places.ts';
import { publishReport } from '../report.ts';
import { startVendor } from '../vendor.ts';
import { makeAppEngine } from './app-engine.ts';
import { engines, installEngine } from './packages.ts';

const connections = 200;
/** Both end at once: what is compared is what a durable run costs on the way. */
const looksSoon = { floorMs: 20, watchedCeilingMs: 1000, ceilingMs: 15_000 };
const throughDbos = sequence(
  { path: '/runs', body: { input: { url: 'https://shop.example/kettles/42', depth: 2 } }, idName: 'id' },
  (id) => `/runs/${id}/wait`,
);

/** Instant runs from their creation to their output, on one durable PostgreSQL: this gateway and DBOS in turns. */
async function main(): Promise<number> {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    options: { rounds: { ...text, default: '4' }, seconds: { ...text, default: '3' }, json: text },
  });
  const installed = installEngine('dbos');
  const server = await startPostgres({ durable: true });
  const missing = [installed, server].find((each) => 'unavailable' in each);
  if (missing !== undefined || 'unavailable' in installed || !(server instanceof PostgresServer)) {
    process.stderr.write(`skipped: ${missing !== undefined && 'unavailable' in missing ? missing.unavailable : ''}\n`);
    return 2;
  }
  const startedMs = performance.now();
  const scratch = makeScratch();
  const children: Child[] = [];
  try {
    const vendor = await startVendor();
    children.push(vendor.child);
    const storeUrl = await server.createDatabase();
    const gateway = await startGateway({
      name: 'gateway',
      scratch,
      vendorUrl: vendor.url,
      pacing: looksSoon,
      storeUrl,
    });
    children.push(gateway.child);
    const dbos = await makeAppEngine({
      ...{ name: `DBOS ${engines.dbos.npm['@dbos-inc/dbos-sdk']}`, directory: installed.directory, app: 'dbos.mjs' },
      env: { VENDOR_URL: `${vendor.restackUrl}/api/workflows/echo`, DATABASE_URL: await server.createDatabase() },
    });
    await dbos.start();
    children.push(...dbos.children);
    const turn = async (url: string, subjects: readonly Child[], requests: typeof throughDbos): Promise<LoadResult> => {
      const { starts: before } = await vendor.counts();
      const settled = async (): Promise<number> => (await vendor.settledCounts(100)).starts - before;
      return await applyLoad({ url, connections, seconds: Number(values.seconds), requests, subjects, settled });
    };
    const contestants = {
      gateway: () => turn(gateway.url, [gateway.child], throughGateway),
      dbos: () => turn(dbos.url, dbos.children, throughDbos),
    };
    await takeTurns(1, contestants);
    const results = await takeTurns(Number(values.rounds), contestants);
    const figures: readonly Figure[] = [
      ...describe('finished runs: rungate', results.gateway),
      ...describe(`finished runs: ${dbos.name}`, results.dbos),
      {
        name: 'finished runs a second / DBOS',
        value: medianRatio(results.gateway, results.dbos, 'perSecond'),
        unit: '',
        bar: atLeast(1),
      },
    ];
    const tookSeconds = (performance.now() - startedMs) / 1000;
    const skipped = ['Temporal: its server does not install from the registries that the engines come from'];
    const report = { machine: describeMachine(scratch), settings: values, tookSeconds, figures, skipped };
    publishReport(report, values.json);
    return 0;
  } finally {
    for (const child of children.toReversed()) await child.stop();
    await server.destroy();
  }
}

function describe(name: string, results: readonly LoadResult[]): readonly Figure[] {
  return [
    { name: `${name}, a second`, value: medianOf(results, 'perSecond'), unit: '1/s' },
    { name: `${name}, CPU in front of the database`, value: medianOf(results, 'cpuMicros'), unit: 'us' },
  ];
}

process.exitCode = await main();
process.exit();
