import { toPartialReply, toReply } from '../../agents/chat.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import type { EventBatches, RunEvent, SentEvent } from '../../contract/domain/event.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import type { Run, RunSummary } from '../../contract/domain/run.ts';
import { expandEvents } from '../shared/expand-events.ts';
import { keyOf } from '../shared/wait-and-stream.ts';
import { readHistory } from './history.ts';
import { encodeEvent } from './stream-events.ts';
import { contextIdOf, type TaskScope } from './task-lookup.ts';
import { encodeTask, type TaskParts } from './tasks.ts';

export type TaskView = Pick<TaskParts, 'omitArtifacts'> & {
  /** How many messages are shown, the newest ones; left out, all. */
  readonly historyLength?: number | undefined;
};

/** A run as a task, with the text of its output. */
export async function viewTask(
  { api, agent }: Pick<TaskScope, 'api' | 'agent'>,
  run: Run,
  { historyLength, ...view }: TaskView = {},
): Promise<JsonObject> {
  const { outcome } = run;
  const reply =
    outcome?.kind !== 'result' || view.omitArtifacts === true ? null : await replyOf(agent, run, outcome.value);
  const history = await readHistory(api, run, historyLength);
  return encodeTask(run, { ...view, contextId: contextIdOf(run), reply, history });
}

/** An output that has no text of its own is shown as data alone, except to clients that take texts only. */
async function replyOf(agent: Agent, run: RunSummary, output: Json): Promise<string | null> {
  const modes = run.request.origin?.extra.a2a_accepted_output_modes;
  const takesData =
    !Array.isArray(modes) || modes.length === 0 || modes.some((mode) => /json|^\*|application\/\*/.test(String(mode)));
  return takesData ? await toPartialReply(agent, output) : await toReply(agent, output);
}

/**
 * The task as it is now, and what follows of it as `StreamResponse` objects, which `wrap` puts into the binding's words. It
 * ends with the task, and with the next question of its agent.
 */
export async function followTask(
  { api, agent }: TaskScope,
  run: Run,
  wrap: (response: JsonObject) => Json,
): Promise<EventBatches<SentEvent>> {
  const ids = { taskId: run.runId, contextId: contextIdOf(run) };
  const task = await viewTask({ api, agent }, run);
  // The task does not show a partial output, so the last one follows it.
  const partialSeq = run.phase === 'done' ? undefined : run.partial?.seq;
  const events = await api.runs.watch(keyOf(run), partialSeq === undefined ? run.lastSeq : partialSeq - 1);
  return expandEvents(events, {
    before: [{ id: `${run.lastSeq}`, data: wrap({ task }) }],
    expand: async (event) => {
      const { seq } = event;
      if (seq <= run.lastSeq && seq !== partialSeq) return [];
      const output = outputOf(event);
      const reply = output === undefined ? null : await replyOf(agent, run, output);
      const responses = encodeEvent(event, ids, reply);
      return responses.map((response) => ({ id: `${seq}`, data: wrap(response) }));
    },
    endsAfter: ({ seq, change }) => change.kind === 'interrupt' && seq > run.lastSeq,
  });
}

function outputOf({ change }: RunEvent): Json | undefined {
  return change.kind === 'partial' || change.kind === 'result' ? change.value : undefined;
}
