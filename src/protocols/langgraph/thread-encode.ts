import type { Api } from '../../contract/api/api.ts';
import type { JsonObject } from '../../contract/domain/json.ts';
import type { Thread } from '../../contract/domain/thread.ts';
import type { RowBatch, Rows } from '../../contract/store/rows.ts';
import { encodeTimes } from '../shared/answers.ts';
import { pickMembers } from './assistant-operations.ts';
import { encodeState } from './state.ts';
import { findOpenRun, interruptsOf } from './thread-state.ts';

/** A thread in LangGraph's words, with what its run asks. */
export async function encodeThread(api: Api, thread: Thread): Promise<JsonObject> {
  return encodeMembers(thread, await readInterrupts(api, thread));
}

/** Threads of a list, with the members that were asked for. */
export async function* encodeThreads(
  api: Api,
  threads: Rows<Thread>,
  select: readonly string[] | null | undefined,
): AsyncGenerator<RowBatch<JsonObject>, undefined> {
  const isAsked = select === null || select === undefined || select.length === 0 || select.includes('interrupts');
  for await (const { rows, size } of threads) {
    const encoded: JsonObject[] = [];
    for (const thread of rows) {
      const interrupts = isAsked ? await readInterrupts(api, thread) : {};
      encoded.push(pickMembers(encodeMembers(thread, interrupts), select));
    }
    yield { rows: encoded, size };
  }
}

/** By the task that asks, which is the run. */
async function readInterrupts(api: Api, thread: Thread): Promise<JsonObject> {
  if (thread.status !== 'interrupted') return {};
  const run = await findOpenRun(api, thread);
  const interrupts = run === null ? [] : interruptsOf(run);
  return run === null || interrupts.length === 0 ? {} : { [run.runId]: interrupts };
}

function encodeMembers(thread: Thread, interrupts: JsonObject): JsonObject {
  const { threadId, metadata, status, values, messages } = thread;
  const isEmpty = values === null && messages.length === 0;
  return {
    thread_id: threadId,
    ...encodeTimes(thread),
    metadata,
    status,
    config: {},
    values: isEmpty ? null : encodeState({ values, messages }, threadId),
    interrupts,
  };
}
