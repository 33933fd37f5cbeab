import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Child } from './child.ts';

/** Bytes that a process made the kernel write to disks: pages that it dirtied, whichever process writes them out. */
export function writtenBytes({ pid }: Child): number {
  const bytes = /^write_bytes: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1];
  return Number(bytes);
}

export type SyncCount = { readonly syncs: number } | { readonly unavailable: string };

/** Counts the fsyncs of a process and its threads while `work` runs, which is slower for that. */
export async function countSyncs({ pid }: Child, work: () => Promise<void>): Promise<SyncCount> {
  const args = ['-f', '-qq', '-e', 'trace=fsync,fdatasync', '-e', 'signal=none', '-p', String(pid)];
  const strace = spawn('strace', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let output = '';
  strace.stderr.on('data', (chunk: Buffer) => {
    output += String(chunk);
  });
  if (!(await isAttached(strace, pid))) return { unavailable: `strace: ${output.trim() || 'not installed'}` };
  await work();
  const exited = once(strace, 'exit');
  strace.kill('SIGINT');
  await exited;
  // A call that another thread interrupts is printed twice, the second time as resumed.
  return { syncs: output.match(/\bf(data)?sync\(/g)?.length ?? 0 };
}

/** Whether strace follows the process before it ends by itself. */
async function isAttached(strace: ChildProcess, pid: number): Promise<boolean> {
  const failed = new Promise<false>((resolve) => {
    strace.once('error', () => resolve(false));
    strace.once('exit', () => resolve(false));
  });
  const attached = async (): Promise<boolean> => {
    while (strace.pid === undefined || !isTraced(pid)) await sleep(10);
    return true;
  };
  return await Promise.race([failed, attached()]);
}

function isTraced(pid: number): boolean {
  return !/^TracerPid:\t0$/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
}
