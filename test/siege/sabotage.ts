/**
 * Takes each wall out once, in a copy of the tree, and runs the tests that have to notice. Prints which test fell.
 *
 * Exit code 0 when one fell for each wall, 1 when none did or an edit no longer applies.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import type { Wall } from './wall.ts';
import { walls } from './walls.ts';

const root = resolve(import.meta.dirname, '../..');
/** What the tests neither read nor need, and packages, which are linked. */
const leftOut = new Set(['.git', 'node_modules', 'coverage', 'dist', 'data']);
const patienceMs = 90_000;

const results = z.object({
  testResults: z.array(z.object({ assertionResults: z.array(z.object({ status: z.string(), fullName: z.string() })) })),
});

const { values } = parseArgs({ options: { only: { type: 'string' } } });
const chosen = walls.filter(({ name }) => values.only === undefined || name.includes(values.only));

let running: ChildProcess | null = null;
const copy = mkdtempSync(join(tmpdir(), 'rungate-sabotage-'));
process.once('exit', () => {
  running?.kill('SIGKILL');
  rmSync(copy, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(2));
for (const name of readdirSync(root)) {
  if (!leftOut.has(name)) cpSync(join(root, name), join(copy, name), { recursive: true });
}
symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));

let missed = 0;
for (const wall of chosen) {
  const said = await takeOut(wall);
  missed += said.isNoticed ? 0 : 1;
  process.stdout.write(`${said.isNoticed ? 'noticed' : 'MISSED '}  ${wall.name}: ${said.words}\n`);
}
process.stdout.write(`${chosen.length - missed} of ${chosen.length} walls are noticed when they are gone\n`);
process.exitCode = missed === 0 ? 0 : 1;

async function takeOut({ file, from, to, tests }: Wall): Promise<{ isNoticed: boolean; words: string }> {
  const path = join(copy, file);
  if (!existsSync(path)) return { isNoticed: false, words: `there is no ${file}` };
  const text = readFileSync(path, 'utf8');
  const times = text.split(from).length - 1;
  if (times !== 1) return { isNoticed: false, words: `the edit of ${file} applies ${times} times` };
  const absent = tests.filter((test) => !existsSync(join(copy, test)));
  if (absent.length > 0) return { isNoticed: false, words: `there is no ${absent.join(' and no ')}` };
  writeFileSync(
    path,
    text.replace(from, () => to),
  );
  try {
    return await runTests(tests);
  } finally {
    writeFileSync(path, text);
  }
}

async function runTests(tests: readonly string[]): Promise<{ isNoticed: boolean; words: string }> {
  const report = join(copy, 'sabotage.json');
  rmSync(report, { force: true });
  const args = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...tests, '--bail=1', '--reporter=json'];
  // What hangs for want of its wall has fallen too.
  const limits = ['--testTimeout=30000', '--retry=0', `--outputFile=${report}`];
  const child = spawn(process.execPath, [...args, ...limits], { cwd: copy, stdio: 'ignore' });
  running = child;
  const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs);
  await once(child, 'exit');
  clearTimeout(timer);
  running = null;
  if (!existsSync(report)) return { isNoticed: true, words: `the tests did not end within ${patienceMs / 1000} s` };
  const { testResults } = results.parse(JSON.parse(readFileSync(report, 'utf8')));
  const all = testResults.flatMap(({ assertionResults }) => assertionResults);
  const fallen = all.find(({ status }) => status === 'failed');
  if (fallen !== undefined) return { isNoticed: true, words: fallen.fullName };
  return { isNoticed: false, words: `none of ${all.length} tests in ${tests.join(', ')} fell` };
}
