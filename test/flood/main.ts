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
// The sample config: the gateway over the sandbox in one process, with the limits that everybody gets.
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
const stillOpen = `${idle.open} idle connections and ${writers.open} slow writers`;
const cut = `${idle.cut} and ${writers.cut}`;
writers.stop();
idle.stop();
const after = await measureCalls(url, lanes, 3000);

child.removeAllListeners('exit');
child.kill('SIGTERM');
await new Promise((resolve) => child.once('exit', resolve));
rmSync(folder, { recursive: true, force: true });

say(`${idleCount} idle connections and ${slowCount} slow writers against normal calls in ${lanes} lanes`);
say(`before: ${describe(before)}, ${calmMb} MB resident`);
say(`during: ${describe(during)}, ${floodedMb} MB resident`);
say(`after:  ${describe(after)}`);
say(`open at the end: ${stillOpen}; cut by the server and opened anew: ${cut}`);
process.exitCode = [before, during, after].every(({ failed }) => failed.length === 0) ? 0 : 1;

function residentMb(): number {
  const pages = Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]);
  return Math.round(pages / 1024);
}

function describe({ count, failed, p50Ms, p99Ms }: Calls): string {
  return `${count} calls, ${failed.length} failed${failed.length === 0 ? '' : ` (${failed[0]})`}, p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
