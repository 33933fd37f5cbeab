import { execFileSync } from 'node:child_process';
import { closeSync, fdatasyncSync, openSync, readFileSync, statfsSync, writeSync } from 'node:fs';
import { arch, cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { median } from './figures.ts';

/** Of `statfs`, for file systems that a benchmark is likely to meet. */
const fileSystems: Readonly<Record<number, string>> = {
  61267: 'ext4',
  1481003842: 'xfs',
  2435016766: 'btrfs',
  16914836: 'tmpfs',
  2035054128: 'overlayfs',
};

export type Machine = ReturnType<typeof describeMachine>;

/** What a figure depends on apart from the code. */
export function describeMachine(directory: string) {
  const processors = cpus();
  const { type } = statfsSync(directory);
  return {
    at: new Date().toISOString(),
    commit: readCommit(),
    processor: processors[0]?.model ?? 'unknown',
    processors: processors.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: `${process.platform} ${release()} ${arch()}`,
    node: process.version,
    fileSystem: fileSystems[type] ?? `0x${type.toString(16)}`,
    syncMs: timeSync(directory),
    loadAverage: loadavg()[0] ?? 0,
  };
}

/** What it takes to make 16 KiB durable: a database that may lose nothing cannot be faster. */
function timeSync(directory: string): number {
  const file = openSync(join(directory, 'sync'), 'w');
  const block = Buffer.alloc(16_384);
  const tookMs: number[] = [];
  for (let count = 0; count < 200; count += 1) {
    writeSync(file, block);
    const startedMs = performance.now();
    fdatasyncSync(file);
    tookMs.push(performance.now() - startedMs);
  }
  closeSync(file);
  return median(tookMs);
}

function readCommit(): string {
  try {
    const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8' }).trim();
    return `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain', '-uno') === '' ? '' : ' and changes'}`;
  } catch {
    return `unknown (${readFileSync('package.json', 'utf8').length} bytes of package.json)`;
  }
}
