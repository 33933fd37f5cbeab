import type { Api } from '../../contract/api/api.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { JsonObject } from '../../contract/domain/json.ts';
import type { Run, RunKey, RunSummary } from '../../contract/domain/run.ts';
import type { ThreadKey } from '../../contract/domain/thread.ts';
import { foundOrNull } from '../shared/found-or-null.ts';
import { encodeCall, encodeSegment } from './encode.ts';
import { runIdOfItem } from './ids.ts';
import { encodeAnswerItem, encodeInputItems } from './input-items.ts';
import { answeredOf } from './segment.ts';

/** The input items of the part of a run that follows its event `fromSeq`. */
export async function inputItemsOf(api: Api, run: Run, fromSeq: number): Promise<readonly JsonObject[]> {
  if (fromSeq === 0) return encodeInputItems(run);
  const question = (await answeredOf(api, run)).find(({ seq }) => seq === fromSeq);
  if (question?.answer === undefined) return [];
  return [await encodeAnswerItem(run.runId, { seq: fromSeq, payload: question.answer })];
}

/** What was said in a run, oldest first: its messages, its questions with their answers, and its reply. */
async function itemsOf(api: Api, run: Run): Promise<readonly JsonObject[]> {
  const { runId } = run;
  const items = [...encodeInputItems(run)];
  let fromSeq = 0;
  for (const { seq, payload, answer } of await answeredOf(api, run)) {
    items.push(encodeCall(runId, { seq, payload }));
    if (answer !== undefined) items.push(await encodeAnswerItem(runId, { seq, payload: answer }));
    fromSeq = seq;
  }
  const { output } = await encodeSegment(api, { key: { runId, fromSeq }, run, answered: null });
  return [...items, ...(output as readonly JsonObject[])];
}

export type ItemOrder = 'asc' | 'desc';

/**
 * The items of all runs of a conversation. Runs before the one with the item `after` are not read; the items of its run come
 * from the first. Rejects with `thread_not_found`.
 */
export async function* conversationItems(
  api: Api,
  key: ThreadKey,
  { order, after }: { readonly order: ItemOrder; readonly after: string | undefined },
): AsyncGenerator<JsonObject, undefined> {
  await api.threads.get(key);
  let isBehind = after === undefined;
  const first = after === undefined ? null : runIdOfItem(after);
  for await (const { tenant, runId } of order === 'desc' ? runsOf(api, key) : await oldestFirst(api, key)) {
    isBehind ||= runId === first;
    if (!isBehind) continue;
    const items = await readItems(api, { tenant, runId });
    yield* order === 'asc' ? items : items.toReversed();
  }
}

/** One item of a conversation. Rejects with `item_not_found`. */
export async function findItem(api: Api, key: ThreadKey, itemId: string): Promise<JsonObject> {
  await api.threads.get(key);
  const runId = runIdOfItem(itemId);
  const items = runId === null ? [] : await readItems(api, { tenant: key.tenant, runId }, key.threadId);
  const found = items.find(({ id }) => id === itemId);
  if (found === undefined) throw new GatewayError('item_not_found');
  return found;
}

/** None where the run is gone, or belongs to another thread than it should. */
async function readItems(api: Api, key: RunKey, threadId?: string): Promise<readonly JsonObject[]> {
  const run = await foundOrNull(api.runs.get(key), 'run_not_found');
  return run !== null && (threadId === undefined || run.threadId === threadId) ? await itemsOf(api, run) : [];
}

const runsAtOnce = 1000;

/** The runs of a thread, newest first. */
async function* runsOf(api: Api, { tenant, threadId }: ThreadKey): AsyncGenerator<RunSummary, undefined> {
  let last: RunSummary | undefined;
  let count = runsAtOnce;
  while (count === runsAtOnce) {
    count = 0;
    const after = last === undefined ? undefined : { atMs: last.createdAtMs, runId: last.runId };
    const page = { tenant, threadId, after, limit: runsAtOnce, offset: 0, omitInput: true };
    for await (const { rows } of api.runs.search(page)) {
      yield* rows;
      count += rows.length;
      last = rows.at(-1) ?? last;
    }
  }
}

async function oldestFirst(api: Api, key: ThreadKey): Promise<readonly RunKey[]> {
  const found: RunKey[] = [];
  for await (const { tenant, runId } of runsOf(api, key)) found.push({ tenant, runId });
  return found.reverse();
}
