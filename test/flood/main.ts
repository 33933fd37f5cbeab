import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Calls, IdleConnections, measureCalls, SlowWriters } from './flood.ts';

const { values } = parseArgs({
  options: { idle: { type: 'string' }, slow: { type: 'string' }, seconds: { type: 'string' } },
});
const idleCount = Number(values.idle ?? 5000);
const slowCount = Number(values.slow ?? 200);
const measureMs = Number(values.seconds ?? 45) * 1000;
const lanes = 8;

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'rungate-flood-'));
// The sample config: the gateway over the sandbox in one process, with the default limits.
const child = spawn(process.execPath, [main, 'serve', '--sandbox', '--port', '0'], {
  cwd: folder,
  stdio: ['ignore', 'pipe', 'inherit'],
});
const url = await new Promise<string>((resolve, reject) => {
  let out = '';
  child.once('exit', () => reject(new Error(`the gateway ended: ${out}`)));
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out = `${out}${text}`.slice(0, 10_000);
    const found = /"url":"(http:[^"]+)"/.exec(out)?.[1];
    if (found !== undefined) resolve(found);
  });
});
const port = Number(new URL(url).port);

await measureCalls(url, lanes, 3000);
const before = await measureCalls(url, lanes, measureMs);
const calmMb = residentMb();
const idle = new IdleConnections(port);
await idle.start(idleCount);
const writers = new SlowWriters(port);
writers.start(slowCount);
const during = await measureCalls(url, lanes, measureMs);
const floodedMb = residentMb();
const open = { idle: idle.open, slow: writers.open };
writers.stop();
idle.stop();
const after = await measureCalls(url, lanes, 3000);
const laterMb = residentMb();

child.removeAllListeners('exit');
child.kill('SIGTERM');
await new Promise((resolve) => child.once('exit', resolve));
rmSync(folder, { recursive: true, force: true });

say(`normal calls in ${lanes} lanes, each a create and a read, beside the flood`);
sayTable([
  ['', 'calls', 'failed', 'p50 ms', 'p99 ms', 'resident MB'],
  rowOf('before', before, calmMb),
  rowOf('during', during, floodedMb),
  rowOf('after', after, laterMb),
]);
say('');
sayTable([
  ['flood', 'wanted', 'open at the end', 'ended by the gateway, and opened anew'],
  ['idle connections', String(idleCount), String(open.idle), idle.refused.describe()],
  ['slow writers', String(slowCount), String(open.slow), writers.refused.describe()],
]);
const failed = [before, during, after].flatMap((calls) => calls.failed);
for (const reason of new Set(failed)) say(`failed: ${reason}`);
// A tenth may be between its end and its next beginning; with fewer than that it was no flood.
const isFlood = open.idle >= 0.9 * idleCount && open.slow >= 0.9 * slowCount;
if (!isFlood) say('the flood was smaller than it should have been: the figures say nothing');
process.exitCode = failed.length === 0 && isFlood ? 0 : 1;

function residentMb(): number {
  const pages = Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]);
  return Math.round(pages / 1024);
}

function rowOf(name: string, { count, failed, p50Ms, p99Ms }: Calls, memoryMb: number): readonly string[] {
  return [name, String(count), String(failed.length), p50Ms.toFixed(1), p99Ms.toFixed(1), String(memoryMb)];
}

function sayTable(rows: readonly (readonly string[])[]): void {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  for (const row of rows) {
    say(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    );
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
