import { readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import type { ComputeModule, ThreadOrder, ThreadReport } from './thread-messages.ts';

const programs = new Map<number, ReturnType<ComputeModule['prepare']>>();

function report(
  said: { kind: 'ready' | 'prepared' } | { kind: 'done'; text: string } | { kind: 'failed'; reason: string },
) {
  const { user, system } = process.threadCpuUsage();
  parentPort?.postMessage({ ...said, cpuMs: (user + system) / 1000 } satisfies ThreadReport);
}

async function carryOut(order: ThreadOrder): Promise<void> {
  if (order.kind === 'prepare') {
    const module = (await import(order.module)) as ComputeModule;
    programs.set(order.id, module.prepare(order.definition));
    return report({ kind: 'prepared' });
  }
  const program = programs.get(order.id);
  if (program === undefined) throw new Error('the program was not prepared');
  report({ kind: 'done', text: await program(order.input) });
}

/**
 * Where processors are short, the event loop comes first; the threads get a third of what it gets, so that they go on
 * too. Linux knows a thread by a process id.
 */
function yieldToEventLoop(): void {
  if (process.platform !== 'linux') return;
  try {
    const [, thread] = /\/task\/(\d+)$/.exec(readlinkSync('/proc/thread-self')) ?? [];
    if (thread !== undefined) setPriority(Number(thread), 4);
  } catch {
    // A system without /proc, or one that forbids it: the deadline holds all the same.
  }
}

yieldToEventLoop();
parentPort?.on('message', (order: ThreadOrder) => {
  carryOut(order).catch((error: unknown) =>
    report({ kind: 'failed', reason: error instanceof Error ? error.message : 'no reason' }),
  );
});
report({ kind: 'ready' });
