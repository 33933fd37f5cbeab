import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { PostgresServer, startPostgres } from '../../../test/store/postgres-server.ts';
import type { Child } from '../../child.ts';
import { atLeast, atMost, type Figure, median } from '../../figures.ts';
import { type Gateway, startGateway } from '../../gateway.ts';
import { applyLoad } from '../../load.ts';
import { describeMachine } from '../../machine.ts';
import { throughGateway } from '../../measures/whole-run.ts';
import { makeScratch, sources } from '../../places.ts';
import { publishReport } from '../../report.ts';
import { startVendor, type Vendor } from '../../vendor.ts';
import { processMicros, serverMicros } from './processor-time.ts';
import { RawInserts } from './raw-client.ts';

const rawConnections = 50;
const clientCounts = [200, 50] as const;
/** Short, so that the load is dense; the agent ends at once, so the first poll sees the end. */
const looksSoon = { floorMs: 20, watchedCeilingMs: 1000, ceilingMs: 15_000 };
/** Longer than a run waits for its only poll. */
const quietMs = 100;
const table = 'CREATE TABLE raw (id text COLLATE "C" PRIMARY KEY, tenant text NOT NULL, state text NOT NULL)';
const pgbenchScript = `INSERT INTO raw (id, tenant, state) VALUES (gen_random_uuid()::text, 'default', repeat('x', 313));\n`;

/** One turn: how many units, and what each cost. */
type Turn = {
  readonly perSecond: number;
  readonly serverMicros: number;
  /** Of the process in front of the server; NaN where it is not known. */
  readonly frontMicros: number;
};

/** Finished runs on PostgreSQL and raw inserts into it, in turns: on one server, by what the kernel counts for it. */
async function main(): Promise<number> {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: process.argv.slice(2).filter((argument) => argument !== '--postgres'),
    options: { rounds: { ...text, default: '4' }, seconds: { ...text, default: '3' }, against: text, json: text },
  });
  const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)];
  const startedMs = performance.now();
  const server = await startPostgres({ durable: true });
  if (!(server instanceof PostgresServer)) {
    process.stderr.write(`skipped: ${server.unavailable}\n`);
    return 2;
  }
  const children: Child[] = [];
  const scratch = makeScratch();
  try {
    const vendor = await startVendor();
    children.push(vendor.child);
    const rawUrl = await server.createDatabase();
    await server.query(table, new URL(rawUrl).pathname.slice(1));
    const raw = await RawInserts.start(rawUrl, rawConnections);
    children.push(raw.child);
    const metered = async (work: () => Promise<Work>): Promise<Turn> => await measure(server, work);
    const contestants = new Map<string, () => Promise<Turn>>([
      ['raw', () => metered(() => raw.insertFor(seconds))],
      ...(hasPgbench()
        ? [['pgbench', () => metered(async () => runPgbench(server, rawUrl, scratch, seconds))] as const]
        : []),
    ]);
    const builds = { gateway: sources, ...(values.against !== undefined && { against: join(values.against, 'src') }) };
    for (const [name, from] of Object.entries(builds)) {
      const gateway = await startGateway({
        ...{ name, scratch, vendorUrl: vendor.url, pacing: looksSoon, sources: from },
        storeUrl: await server.createDatabase(),
      });
      children.push(gateway.child);
      for (const connections of clientCounts) {
        const turn = () => metered(() => finishRuns(gateway, vendor, { connections, seconds }));
        contestants.set(`${name} ${connections}`, turn);
      }
    }
    const turns = new Map<string, Turn[]>([...contestants.keys()].map((name) => [name, []]));
    for (let round = -1; round < rounds; round += 1) {
      for (const [name, take] of contestants) {
        const turn = await take();
        if (round >= 0) turns.get(name)?.push(turn);
      }
      process.stderr.write(round < 0 ? 'warmed up\n' : `round ${round + 1} of ${rounds}\n`);
    }
    const figures = [...turns.keys()].flatMap((name) => describe(name, turns));
    const tookSeconds = (performance.now() - startedMs) / 1000;
    const skipped = hasPgbench() ? [] : ['pgbench is not installed'];
    const report = { machine: describeMachine(scratch), settings: values, tookSeconds, figures, skipped };
    publishReport(report, values.json);
    return 0;
  } finally {
    for (const child of children.toReversed()) await child.stop();
    await server.destroy();
  }
}

/** Units of work that were done, and what the process in front of the server used for each. */
export type Work = { readonly count: number; readonly frontMicros: number; readonly seconds: number };

async function measure(server: PostgresServer, work: () => Promise<Work>): Promise<Turn> {
  const before = serverMicros(server.pid);
  const { count, frontMicros, seconds } = await work();
  const used = serverMicros(server.pid) - before;
  return { perSecond: count / seconds, serverMicros: used / count, frontMicros };
}

async function finishRuns(
  gateway: Gateway,
  vendor: Vendor,
  { connections, seconds }: { readonly connections: number; readonly seconds: number },
): Promise<Work> {
  const { starts: before } = await vendor.counts();
  const settled = async (): Promise<number> => (await vendor.settledCounts(quietMs)).starts - before;
  const load = { url: gateway.url, connections, seconds, requests: throughGateway, subjects: [gateway.child] };
  const frontBefore = processMicros(gateway.child.pid);
  const { count, perSecond } = await applyLoad({ ...load, settled });
  return { count, frontMicros: (processMicros(gateway.child.pid) - frontBefore) / count, seconds: count / perSecond };
}

function hasPgbench(): boolean {
  return spawnSync('pgbench', ['--version']).status === 0;
}

function runPgbench(server: PostgresServer, url: string, scratch: string, seconds: number): Work {
  const script = join(scratch, 'insert.sql');
  writeFileSync(script, pgbenchScript);
  const options = ['-n', '-M', 'prepared', '-c', String(rawConnections), '-T', String(seconds), '-f', script];
  const place = ['-h', '127.0.0.1', '-p', String(server.port), '-U', 'rungate', new URL(url).pathname.slice(1)];
  const said = execFileSync('pgbench', [...options, ...place], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const count = Number(/transactions actually processed: (\d+)/.exec(said)?.[1]);
  return { count, frontMicros: Number.NaN, seconds };
}

function describe(name: string, turns: ReadonlyMap<string, readonly Turn[]>): readonly Figure[] {
  const own = turns.get(name) ?? [];
  const raw = turns.get('raw') ?? [];
  const medianOf = (key: keyof Turn): number => median(own.map((turn) => turn[key]));
  const ratio = (of: (turn: Turn, raw: Turn) => number): number =>
    median(own.map((turn, round) => of(turn, raw[round] ?? turn)));
  const whole = ({ serverMicros, frontMicros }: Turn): number => serverMicros + frontMicros;
  const absolute: readonly Figure[] = [
    { name: `${name}, a second`, value: medianOf('perSecond'), unit: '1/s' },
    { name: `${name}, CPU of the server`, value: medianOf('serverMicros'), unit: 'us' },
    ...(name === 'pgbench' ? [] : [{ name: `${name}, CPU in front`, value: medianOf('frontMicros'), unit: 'us' }]),
  ];
  if (name === 'raw' || name === 'pgbench') return absolute;
  const isJudged = name.startsWith('gateway');
  return [
    ...absolute,
    {
      name: `${name}, server CPU of a run / a raw insert`,
      value: ratio((turn, base) => turn.serverMicros / base.serverMicros),
      unit: '',
      ...(isJudged && name.endsWith('200') && { bar: atMost(1.5) }),
    },
    {
      name: `${name}, all CPU of a raw insert / of a run`,
      value: ratio((turn, base) => whole(base) / whole(turn)),
      unit: '',
      ...(isJudged && name.endsWith('200') && { bar: atLeast(0.3) }),
    },
    {
      name: `${name}, runs / raw inserts a second`,
      value: ratio((turn, base) => turn.perSecond / base.perSecond),
      unit: '',
    },
  ];
}

process.exitCode = await main();
process.exit();
