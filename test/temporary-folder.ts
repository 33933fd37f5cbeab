import { mkdirSync, readdirSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';

// Vitest calls `setup` before the tests and `teardown` after them. Where Linux has room for files in memory, the temporary folder of
// the tests is there: they wait for no disk, which takes a third of their time, and leave nothing behind. Databases sync as ever, and
// what a killed process wrote is still there. `TMPDIR` names another folder.
//
// What tests may copy instead of making it is there too, in `RUNGATE_TEST_TEMPLATES`.

const memory = '/dev/shm';
const minFreeBytes = 4 * 1024 ** 3;
const ownName = /^rungate-tests-(\d+)$/;

let folder: string | null = null;

export function setup(): void {
  if (process.env.TMPDIR !== undefined || !hasRoom()) return;
  for (const name of readdirSync(memory)) {
    const owner = ownName.exec(name)?.[1];
    if (owner !== undefined && !isAlive(Number(owner))) rmSync(join(memory, name), { recursive: true, force: true });
  }
  folder = join(memory, `rungate-tests-${process.pid}`);
  // The embedded PostgreSQL runs as another user.
  mkdirSync(folder, { mode: 0o755 });
  process.env.TMPDIR = folder;
  process.env.RUNGATE_TEST_TEMPLATES = folder;
}

export function teardown(): void {
  if (folder !== null) rmSync(folder, { recursive: true, force: true });
}

function hasRoom(): boolean {
  try {
    const { bavail, bsize } = statfsSync(memory);
    return bavail * bsize >= minFreeBytes;
  } catch {
    return false;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
