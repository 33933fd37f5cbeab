import { parseArgs } from 'node:util';
import { startPostgres } from '../store/postgres-server.ts';
import { type FuzzReport, fuzz } from './fuzz.ts';
import { authorization, prefixes, Target } from './target.ts';

/** What one more megabyte in a thousand cases would come to shows; what a collection leaves by chance does not. */
const maxGrowthBytes = 8 * 1024 * 1024;

const { values } = parseArgs({
  options: { cases: { type: 'string' }, seed: { type: 'string' }, store: { type: 'string' } },
});
const cases = Number(values.cases ?? 20_000);
const seed = Number(values.seed ?? Date.now() % 1_000_000);

const postgres = values.store === 'postgres' ? await startPostgres() : null;
if (postgres !== null && 'unavailable' in postgres) throw new Error(postgres.unavailable);
const target = await Target.start(await postgres?.createDatabase());
const options = { url: target.url, authorization, prefixes };
const startedMs = performance.now();
// What fills caches and compiles code is no growth: it happens once.
const warm = await fuzz({ ...options, cases: Math.ceil(cases / 4), seed: seed + 1_000_000 });
const before = target.lives ? await target.memory() : 0;
const main = target.lives ? await fuzz({ ...options, cases, seed }) : warm;
const after = target.lives ? await target.memory() : 0;
const seconds = (performance.now() - startedMs) / 1000;

const grownBytes = after - before;
const faults = [...new Set([...warm.faults, ...main.faults])];
if (!target.lives) faults.push('the gateway ended');
if (grownBytes > maxGrowthBytes) faults.push(`memory grew by ${toMegabytes(grownBytes)} MB`);
say(`seed ${seed}: ${warm.cases + main.cases} cases over ${main.operations} operations in ${seconds.toFixed(0)} s`);
say(`outcomes: ${describe(main)}`);
say(
  `memory after a collection: ${toMegabytes(before)} MB before the last ${cases} cases, ${toMegabytes(after)} MB after`,
);
say(faults.length === 0 ? 'no fault' : `${faults.length} faults:\n${faults.join('\n')}`);
process.exitCode = faults.length === 0 ? 0 : 1;
// The gateway goes before its database does.
await target[Symbol.asyncDispose]();
await postgres?.destroy();

function describe({ outcomes }: FuzzReport): string {
  return Object.entries(outcomes)
    .map(([outcome, count]) => `${outcome} ${count}`)
    .join(', ');
}

function toMegabytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
