import { spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { hasPgbouncer } from './pgbouncer.ts';

const root = resolve(import.meta.dirname, '../..');
const env = { ...process.env, RUNGATE_TEST_PGBOUNCER: 'yes' };

/** The contract suite of stores, and a short torture, through a pgbouncer that shares sessions by transactions. */
function main(): number {
  if (!hasPgbouncer()) {
    process.stderr.write('pgbouncer is not installed; on Debian: apt-get install pgbouncer\n');
    return 2;
  }
  const torture = ['--rounds', '4', '--store', 'postgres', '--replicas', '3', '--pooler', 'pgbouncer', '--copies', '0'];
  const steps = [
    [join(root, 'node_modules/vitest/vitest.mjs'), 'run', 'test/pgbouncer'],
    [join(root, 'test/torture/main.ts'), ...torture],
  ];
  for (const step of steps) {
    const { status } = spawnSync(process.execPath, step, { cwd: root, env, stdio: 'inherit' });
    if (status !== 0) return status ?? 1;
  }
  return 0;
}

process.exitCode = main();
