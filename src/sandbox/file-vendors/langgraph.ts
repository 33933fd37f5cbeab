import { LRUCache } from 'lru-cache';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import { isJsonObject } from '../../json/json-object.ts';
import type { SandboxRun } from '../run-table.ts';
import type { View } from '../script.ts';
import type { Reply } from '../wire-host.ts';
import type { StandIn } from './stand-in.ts';
import { isoTime, outputOf, questionOf, reasonOf, type Show, type VendorRuns, wordOf } from './vendor-runs.ts';

const words = {
  ...{ queued: 'pending', running: 'running', asking: 'interrupted' },
  ...{ completed: 'success', failed: 'error', canceled: 'interrupted' },
};
const maxThreads = 10_000;

/** One script runs through all runs of a thread: each that is resumed goes on as the next. */
type Thread = { readonly threadId: string; readonly run: SandboxRun; readonly runIds: string[] };

const showAs = (thread: Thread, runId: string) =>
  ((run, view): JsonObject => ({
    run_id: runId,
    thread_id: thread.threadId,
    assistant_id: run.labels.assistant ?? null,
    created_at: isoTime(run.startedAtMs),
    updated_at: isoTime(run.startedAtMs),
    metadata: run.labels.metadata ?? {},
    multitask_strategy: 'reject',
    // A run that was resumed stays as it was when the next one took over.
    status: runId === thread.runIds.at(-1) ? wordOf(words, view) : words.asking,
  })) satisfies Show;

/** The values are the output where that is an object, as the state of a graph is. */
function stateOf({ threadId }: Thread, run: SandboxRun, view: View): JsonObject {
  const question = questionOf(view);
  const error = reasonOf(view);
  const output = outputOf(view);
  const interrupts = question === null ? [] : [{ id: `interrupt-${run.events.length + 1}`, value: question }];
  const isAtTask = question !== null || view.kind === 'failed';
  return {
    values: isJsonObject(output) ? output : output === null ? {} : { output },
    next: question === null ? [] : ['ask'],
    tasks: isAtTask ? [{ id: `task-${run.runId}`, name: 'ask', path: [], interrupts, error }] : [],
    metadata: {},
    created_at: isoTime(run.startedAtMs),
    checkpoint: { thread_id: threadId, checkpoint_ns: '', checkpoint_id: run.runId },
    parent_checkpoint: null,
  };
}

/** LangGraph's server. An assistant is a script; a thread holds one run and what it was resumed as. */
export const langgraph: StandIn = {
  vendor: 'langgraph',
  keyOf: (headers) => String(headers['x-api-key']),
  encodeError: (_status, detail) => ({ detail }),
  newId: 'uuid',
  routes: (runs) => {
    const threads = new LRUCache<string, Thread>({ max: maxThreads });

    function start(threadId: string, body: Json | undefined): Reply {
      if (!isJsonObject(body) || typeof body.assistant_id !== 'string') {
        return runs.refuse(422, 'assistant_id is required');
      }
      const known = threads.get(threadId);
      if (isJsonObject(body.command)) return resume(runs, known, body.command.resume ?? null);
      if (known !== undefined && isLive(runs.viewOf(known.run))) {
        return runs.refuse(409, 'Thread is already running a task.');
      }
      const { assistant_id: assistant, input = null, metadata = {}, webhook } = body;
      let thread: Thread | undefined;
      const show: Show = (run, view) => {
        thread ??= { threadId, run, runIds: [run.runId] };
        threads.set(threadId, thread);
        return showAs(thread, run.runId)(run, view);
      };
      const push =
        typeof webhook === 'string'
          ? {
              url: webhook,
              encode: (run: SandboxRun, view: View) =>
                thread === undefined ? null : showAs(thread, thread.runIds.at(-1) ?? run.runId)(run, view),
            }
          : undefined;
      return runs.start({ agent: assistant, input, labels: { assistant, metadata }, push }, show);
    }

    function runOf({ thread = '', run = '' }: Readonly<Record<string, string>>): [SandboxRun | null, Show] {
      const known = threads.get(thread);
      if (known === undefined || !known.runIds.includes(run)) return [null, () => null];
      return [runs.find(known.run.runId), showAs(known, run)];
    }

    return {
      'POST /threads/{thread}/runs': ['start', ({ parts, body }) => start(parts.thread ?? '', body)],
      'GET /threads/{thread}/runs': [
        'other',
        ({ parts }) => {
          const thread = threads.get(parts.thread ?? '');
          if (thread === undefined) return runs.refuse(404, 'the thread is not known');
          return runs.show(thread.run, (run, view) => thread.runIds.map((runId) => showAs(thread, runId)(run, view)));
        },
      ],
      'GET /threads/{thread}/state': [
        'other',
        ({ parts }) => {
          const thread = threads.get(parts.thread ?? '');
          if (thread === undefined) return runs.refuse(404, 'the thread is not known');
          return runs.show(thread.run, (run, view) => stateOf(thread, run, view));
        },
      ],
      'GET /threads/{thread}/runs/{run}': ['observe', ({ parts }) => runs.observe(...runOf(parts))],
      'POST /threads/{thread}/runs/{run}/cancel': ['event', ({ parts }) => runs.cancel(...runOf(parts))],
    };
  },
};

/** The next run of the thread, with which its script goes on. */
function resume(runs: VendorRuns, thread: Thread | undefined, payload: Json): Reply {
  if (thread === undefined) return runs.refuse(404, 'the thread is not known');
  if (!runs.answer(thread.run, payload)) return runs.refuse(422, 'the thread waits for nothing');
  const runId = runs.newId();
  thread.runIds.push(runId);
  return runs.show(thread.run, showAs(thread, runId));
}

function isLive({ kind }: View): boolean {
  return kind === 'queued' || kind === 'running' || kind === 'odd';
}
