import type { Api } from '../../contract/api/api.ts';
import type { RunEvent } from '../../contract/domain/event.ts';
import type { JsonObject } from '../../contract/domain/json.ts';
import type { Run } from '../../contract/domain/run.ts';
import { keyOf } from '../shared/wait-and-stream.ts';
import { encodeAnswer, encodeFirstMessage } from './messages.ts';
import { contextIdOf } from './task-lookup.ts';
import { encodeQuestion } from './tasks.ts';

/**
 * The newest messages of a task, oldest first: the one that began it, and each question that was answered with its answer. An
 * open question is the message of the status. Costs a read for each answer that is shown.
 */
export async function readHistory(
  api: Api,
  run: Run,
  length = Number.POSITIVE_INFINITY,
): Promise<readonly JsonObject[]> {
  const newestFirst: JsonObject[] = [];
  for (const { questionSeq } of (run.answers ?? []).toReversed()) {
    if (newestFirst.length >= length) break;
    newestFirst.push(...(await readExchange(api, run, questionSeq)).toReversed());
  }
  newestFirst.push(encodeFirstMessage(run, contextIdOf(run)));
  return newestFirst.slice(0, length).reverse();
}

async function readExchange(api: Api, run: Run, questionSeq: number): Promise<readonly JsonObject[]> {
  const ids = { taskId: run.runId, contextId: contextIdOf(run) };
  return (await readEvents(api, run, questionSeq)).flatMap(({ seq, change }) => {
    if (change.kind === 'interrupt') return [encodeQuestion(change.payload, ids, seq)];
    if (change.kind !== 'phase' || change.answer === undefined) return [];
    return [encodeAnswer(change.answer, ids, seq)];
  });
}

/** The event of a question and that of its answer. */
async function readEvents(api: Api, run: Run, questionSeq: number): Promise<readonly RunEvent[]> {
  const events = await api.runs.watch(keyOf(run), questionSeq - 1);
  const found: RunEvent[] = [];
  // Leaving the loop ends the subscription.
  for await (const batch of events) {
    found.push(...batch.filter(({ seq }) => seq <= questionSeq + 1));
    if ((batch.at(-1)?.seq ?? 0) > questionSeq) break;
  }
  return found;
}
