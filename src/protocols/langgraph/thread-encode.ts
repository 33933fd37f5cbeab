import type { Api } from '../../contract/api/api.ts';
import type { JsonObject } from '../../contract/domain/json.ts';
import type { Thread } from '../../contract/domain/thread.ts';
import type { RowBatch, Rows } from '../../contract/store/rows.ts';
import { encodeTimes } from '../shared/answers.ts';
import { pickMembers } from './assistant-operations.ts';
import { encodeState } from './state.ts';
import { extractFrom } from './thread-extract.ts';
import { findOpenRun, interruptsOf } from './thread-state.ts';

/** What a list shows of each thread. */
export type Shown = {
  /** Members; left out or empty, all. */
  readonly select?: readonly string[] | null | undefined;
  /** Paths into the thread, by the names under which their values are shown. */
  readonly extract?: Readonly<Record<string, string>> | null | undefined;
};

/** Whether a list needs this member of its threads. */
export function shows({ select, extract }: Shown, member: string): boolean {
  if (select === null || select === undefined || select.length === 0 || select.includes(member)) return true;
  return Object.values(extract ?? {}).some((path) => path.startsWith(member));
}

/** A thread in LangGraph's words, with what its run asks. */
export async function encodeThread(api: Api, thread: Thread): Promise<JsonObject> {
  return encodeMembers(thread, await readInterrupts(api, thread));
}

/** Threads of a list, with the members that were asked for. */
export async function* encodeThreads(
  api: Api,
  threads: Rows<Thread>,
  shown: Shown,
): AsyncGenerator<RowBatch<JsonObject>, undefined> {
  const { select, extract } = shown;
  const isAsked = shows(shown, 'interrupts');
  for await (const { rows, size } of threads) {
    const encoded: JsonObject[] = [];
    for (const thread of rows) {
      const interrupts = isAsked ? await readInterrupts(api, thread) : {};
      const whole = encodeMembers(thread, interrupts);
      const picked = pickMembers(whole, select);
      encoded.push(extract ? { ...picked, extracted: extractFrom(whole, extract) } : picked);
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
