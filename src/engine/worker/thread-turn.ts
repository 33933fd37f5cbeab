import type { Agent } from '../../contract/domain/agent.ts';
import type { Clock } from '../../contract/domain/clock.ts';
import type { Log } from '../../contract/domain/log.ts';
import type { Run, UpstreamRef } from '../../contract/domain/run.ts';
import type { Thread } from '../../contract/domain/thread.ts';
import { StorageFault, type Store } from '../../contract/store/store.ts';
import type { RunHandle } from './run-handle.ts';

export type TurnDeps = { readonly store: Store; readonly clock: Clock };

/** A run of the same thread that ends in this process wakes us; this is for one that ends elsewhere. */
const lookAgainMs = 1000;

/** Whether the run may start now; when not, sleeps until it is worth asking again. */
export async function waitForTurn(handle: RunHandle, deps: TurnDeps, log: Log): Promise<boolean> {
  const { request, threadId, runId, createdAtMs } = handle.run;
  const earlyMs = createdAtMs + (request.afterMs ?? 0) - deps.clock.nowMs();
  if (earlyMs > 0) {
    await handle.sleepThrough(earlyMs);
    return false;
  }
  if (threadId === null || (await acquire(deps.store, threadId, runId, log))) return true;
  log.debug({ thread_id: threadId }, 'the run waits for its thread');
  await handle.sleep(lookAgainMs);
  return false;
}

async function acquire(store: Store, threadId: string, runId: string, log: Log): Promise<boolean> {
  try {
    return await store.threads.acquireThread(threadId, runId);
  } catch (error) {
    if (!(error instanceof StorageFault)) throw error;
    log.warn({ err: error }, 'the store does not answer; the run waits');
    return false;
  }
}

/** The thread of a run that has its turn; null without one. Rejects with `StorageFault`. */
export async function threadOf(handle: RunHandle, store: Store): Promise<Thread | null> {
  const { threadId, tenant } = handle.run;
  return threadId === null ? null : await store.threads.findThread({ tenant, threadId });
}

/** Whether what the run started at the vendor is the living agent of its thread, which the run has not had answered yet. */
export function hasScheduledSession(run: Run, agent: Agent): boolean {
  return agent.capabilities.session && run.threadId !== null && run.upstream !== null;
}

/** What the vendor calls the thread's living agent; null where the next run must schedule one. */
export function sessionOf(thread: Thread | null, agent: Agent): UpstreamRef | null {
  if (!agent.capabilities.session || thread?.session?.agentId !== agent.agentId) return null;
  return thread.session.upstream;
}
