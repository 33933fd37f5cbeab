import type { Api } from '../../contract/api/api.ts';
import type { RunEvent } from '../../contract/domain/event.ts';
import type { Run } from '../../contract/domain/run.ts';

/**
 * The event of a run that follows the one with the number `seq`, of those that it had when it was read; null: there was none.
 * After an interrupt it is what ended that: an answer, the end of the run, or a phase in which the agent went on without one.
 */
export async function eventAfter(api: Api, { tenant, runId, lastSeq }: Run, seq: number): Promise<RunEvent | null> {
  if (lastSeq <= seq) return null;
  const events = await api.runs.watch({ tenant, runId }, seq);
  try {
    const batch = await events.next();
    return batch.done === true ? null : (batch.value[0] ?? null);
  } finally {
    await events.return();
  }
}
