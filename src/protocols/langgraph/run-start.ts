import type { Api } from '../../contract/api/api.ts';
import type { Decoded } from '../../contract/api/protocol.ts';
import type { CreateRun, JoinThread } from '../../contract/api/runs.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { Json } from '../../contract/domain/json.ts';
import type { Run } from '../../contract/domain/run.ts';
import type { Thread, ThreadKey } from '../../contract/domain/thread.ts';
import { isJsonObject } from '../../json/json-object.ts';
import { foundOrNull } from '../shared/found-or-null.ts';
import { readInterruptId } from '../shared/interrupt-ids.ts';
import { keyOf } from '../shared/wait-and-stream.ts';
import { decodeRequest, langgraph, readIntent } from './run-create.ts';
import type { RunBody } from './run-requests.ts';
import { findOpenRun } from './thread-state.ts';

/** A run that a request began, resumed or ended, and the event after which its client has seen nothing. */
export type Begun = {
  readonly run: Run;
  readonly replayed: boolean;
  readonly afterSeq: number;
  /** The client asked for the end of the run. */
  readonly isEnded: boolean;
};

export type BeginRequest = Pick<Decoded<unknown, unknown, RunBody>, 'body' | 'tenant' | 'idempotencyKey'> & {
  /** Null: a run without a thread. */
  readonly threadId: string | null;
};

/** Does what a creation asks for: a run; or, in the thread that waits for an answer, a resumption or an end. */
export async function begin(api: Api, request: BeginRequest): Promise<Begun> {
  const intent = readIntent(request.body);
  switch (intent.kind) {
    case 'run':
      return await create(api, request);
    case 'resume':
      return await resume(api, request, intent.payload);
    case 'end': {
      const asked = await findAsking(api, request);
      const run = await api.runs.cancel(keyOf(asked), { action: 'interrupt', wait: false });
      return { run, replayed: false, afterSeq: asked.lastSeq, isEnded: true };
    }
  }
}

async function create(api: Api, request: BeginRequest): Promise<Begun> {
  const { body, tenant, threadId, idempotencyKey } = request;
  const agent = api.agents.get(body.assistant_id);
  const command: CreateRun = {
    tenant,
    agent: agent.agentId,
    request: await decodeRequest(agent, body, threadId),
    thread: threadId === null ? undefined : await joinThread(api, { tenant, threadId }, body, agent),
    idempotencyKey,
  };
  const { run, replayed } = await api.runs.create(command);
  return { run, replayed, afterSeq: 0, isEnded: false };
}

/**
 * A thread whose run waits for an answer is not busy to LangGraph: a new input takes the place of the question. Here the
 * run that asks ends with it.
 */
async function joinThread(api: Api, key: ThreadKey, body: RunBody, agent: Agent): Promise<JoinThread> {
  const { if_not_exists: ifNotExists, multitask_strategy: strategy } = body;
  const thread = await foundOrNull(api.threads.get(key), 'thread_not_found');
  if (thread !== null) await checkCheckpoint(api, thread, body);
  const isAsking = thread?.status === 'interrupted';
  if (isAsking && (body.input === undefined || body.input === null)) {
    const detail = 'it waits for an answer: send command.resume, or an input that takes the place of the question';
    throw new GatewayError('thread_busy', { detail });
  }
  return {
    threadId: key.threadId,
    ifNotExists: ifNotExists ?? 'reject',
    whenBusy: isAsking ? 'interrupt' : (strategy ?? 'enqueue'),
    // Lists of conversations search by them.
    metadata: { graph_id: agent.name, assistant_id: agent.agentId },
  };
}

/** Throws `checkpoint_passed` for a state that is not the newest one: a vendor cannot be put back. */
async function checkCheckpoint(api: Api, thread: Thread, body: RunBody): Promise<void> {
  const wanted = body.checkpoint?.checkpoint_id ?? body.checkpoint_id ?? null;
  if (wanted === null) return;
  const key = { tenant: thread.tenant, threadId: thread.threadId };
  for await (const { rows } of api.threads.history(key, { limit: 1, beforeId: null, omitState: true })) {
    // It may be known by the run that has left it, from when that run was open.
    if (rows.some(({ checkpointId, runId }) => checkpointId === wanted || runId === wanted)) return;
  }
  // The state of a run that failed is shown under the id of the run.
  if ((await findOpenRun(api, thread))?.runId === wanted) return;
  throw new GatewayError('checkpoint_passed');
}

async function resume(api: Api, request: BeginRequest, given: Json): Promise<Begun> {
  const { tenant, threadId, body, idempotencyKey: mark } = request;
  const { payload, interrupt } = readAnswer(given);
  // An answer that may have been taken before need not find a run that asks.
  const isKnown = interrupt !== null || mark !== undefined;
  const asked = isKnown && threadId !== null ? null : await findAsking(api, request);
  const { run, afterSeq, replayed } = await api.threads.resume({
    key: { tenant, threadId: threadId ?? '' },
    ...{ payload, mark },
    interrupt: interrupt ?? (asked === null ? undefined : { runId: asked.runId, seq: asked.lastSeq }),
    agentIds: [api.agents.get(body.assistant_id).agentId],
  });
  const { webhook } = request.body;
  // Under one id, so that a run that asks often does not come to the bound of its webhooks.
  if (webhook !== undefined && webhook !== null)
    await api.runs.putWebhook(keyOf(run), { id: 'resume', url: webhook, protocol: langgraph, events: 'status' });
  return { run, replayed, afterSeq, isEnded: false };
}

/** An answer alone, or under the id of the interrupt that it is for. */
function readAnswer(given: Json): { payload: Json; interrupt: ReturnType<typeof readInterruptId> } {
  const [[name, payload] = [], ...others] = isJsonObject(given) ? Object.entries(given) : [];
  const interrupt = name === undefined || others.length > 0 ? null : readInterruptId(name);
  return interrupt === null || payload === undefined ? { payload: given, interrupt: null } : { payload, interrupt };
}

/** The run of the thread that waits for an answer. Throws where none does, or one of another agent. */
async function findAsking(api: Api, { body, tenant, threadId }: BeginRequest): Promise<Run> {
  const { agentId } = api.agents.get(body.assistant_id);
  if (threadId === null) throw new GatewayError('thread_not_interrupted', { detail: 'a run without a thread is new' });
  const { activeRunId } = await api.threads.get({ tenant, threadId });
  const run = activeRunId === null ? null : await api.runs.get({ tenant, runId: activeRunId });
  if (run === null || run.phase !== 'interrupted') throw new GatewayError('thread_not_interrupted');
  if (run.agentId === agentId) return run;
  throw new GatewayError('thread_not_interrupted', { detail: `the one that waits is of ${run.agentName}` });
}
