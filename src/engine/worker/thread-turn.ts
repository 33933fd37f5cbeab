import { StorageFault } from '../../contract/store/store.ts';
import type { RunContext } from './run-context.ts';

/** A run of the same thread that ends in this process wakes the waiting one; this is for a run that ends elsewhere. */
const recheckMs = 1000;

/** Whether the run may start now. False: it has slept until it is worth asking again. */
export async function waitForTurn(context: RunContext): Promise<boolean> {
  const { handle, deps, wait, log } = context;
  const { request, threadId } = handle.run;
  const earlyMs = handle.createdMonotonicMs + (request.afterMs ?? 0) - deps.clock.monotonicMs();
  if (earlyMs > 0) {
    wait.noteDelay();
    await handle.sleepThrough(earlyMs);
    return false;
  }
  if (threadId === null) return true;
  const isBusy = !(await acquireThread(context, threadId));
  wait.noteThread(isBusy);
  if (!isBusy) return true;
  log.debug({ thread_id: threadId }, 'run queued: its thread is busy');
  await handle.sleep(recheckMs);
  return false;
}

async function acquireThread({ handle, deps, log }: RunContext, threadId: string): Promise<boolean> {
  try {
    return await deps.store.threads.acquireThread(threadId, handle.run.runId);
  } catch (error) {
    if (!(error instanceof StorageFault)) throw error;
    log.warn({ err: error }, 'store unavailable; the run stays queued');
    return false;
  }
}
