import type { Api } from '../../contract/api/api.ts';
import type { JsonObject } from '../../contract/domain/json.ts';
import type { Run } from '../../contract/domain/run.ts';
import type { Thread, ThreadKey } from '../../contract/domain/thread.ts';
import { foundOrNull } from '../shared/found-or-null.ts';
import { interruptId } from '../shared/interrupt-ids.ts';

/** A thread and the run in it that has not left its state: one that is live, asks, or failed last. */
export type OpenThread = { readonly thread: Thread; readonly run: Run | null };

/** What an interrupted run asks, in a list; empty for any other. */
export function interruptsOf({ runId, lastSeq, status, outcome }: Run): readonly JsonObject[] {
  if (status !== 'interrupted' || outcome?.kind !== 'interrupt') return [];
  return [{ id: interruptId({ runId, seq: lastSeq }), value: outcome.payload }];
}

export async function readOpenThread(api: Api, key: ThreadKey): Promise<OpenThread> {
  const thread = await api.threads.get(key);
  return { thread, run: await findOpenRun(api, thread) };
}

/** The run whose state is not the thread's; null where the last one has left its state, or was cancelled. */
export async function findOpenRun(
  api: Api,
  { tenant, threadId, status, activeRunId }: Pick<Thread, 'tenant' | 'threadId' | 'status' | 'activeRunId'>,
): Promise<Run | null> {
  if (status === 'idle') return null;
  const runId = activeRunId ?? (await findNewestRun(api, { tenant, threadId }));
  if (runId === null) return null;
  // It may have been removed since, or be of an agent that the caller may not see.
  const run = await foundOrNull(api.runs.get({ tenant, runId }), 'run_not_found');
  return run?.status === 'success' ? null : run;
}

async function findNewestRun(api: Api, { tenant, threadId }: ThreadKey): Promise<string | null> {
  for await (const { rows } of api.runs.search({ tenant, threadId, omitInput: true, limit: 1, offset: 0 })) {
    for (const { runId } of rows) return runId;
  }
  return null;
}
