import { toReply } from '../../agents/chat.ts';
import type { Api } from '../../contract/api/api.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { Json } from '../../contract/domain/json.ts';
import type { Run } from '../../contract/domain/run.ts';
import { foundOrNull } from '../shared/found-or-null.ts';
import { emptyState, type State, stateAfter } from './state.ts';

type ChatAgent = Pick<Agent, 'name' | 'version' | 'schemas' | 'chat'>;

/** The agent of a run, with the usual rules of a chat where the config no longer has it. */
export function findAgent(api: Api, { agentId, agentName }: Run): ChatAgent {
  try {
    return api.agents.get(agentId);
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return { name: agentName, version: '', schemas: { input: {}, output: {}, config: {}, interrupts: [] } };
  }
}

/** The state of a run's thread as it is now; empty where it has none. */
export async function readThread(api: Api, { tenant, threadId }: Run): Promise<State> {
  if (threadId === null) return emptyState;
  // A thread may be removed while a stream of its run is read.
  return (await foundOrNull(api.threads.get({ tenant, threadId }), 'thread_not_found')) ?? emptyState;
}

/**
 * The state that a run begins with: that of its thread, or, once the run is over, the one before what it has left. Empty where
 * that is not known any more, as for a run that failed.
 */
export async function readStateBefore(api: Api, run: Run): Promise<State> {
  const { tenant, threadId, runId, phase } = run;
  if (phase !== 'done' || threadId === null) return await readThread(api, run);
  const left = await api.threads.stateAfterRun({ tenant, runId });
  if (left === null) return emptyState;
  const older = api.threads.history({ tenant, threadId }, { limit: 1, beforeId: left.checkpointId });
  for await (const { rows } of older) for (const state of rows) return state;
  return emptyState;
}

/** Whether the run was asked in messages, so that its answer is one. */
export function isChat({ request }: Run): boolean {
  return (request.messages ?? []).length > 0;
}

/** The state that a run's result has left: that of its thread, else what its output is by itself. */
export async function readStateAfter(api: Api, run: Run, output: Json): Promise<State> {
  const { runId, tenant, threadId, request } = run;
  const left = threadId === null ? null : await api.threads.stateAfterRun({ tenant, runId });
  if (left !== null) return left;
  return stateAfter(emptyState, request, output, isChat(run) ? await toReply(findAgent(api, run), output) : null);
}
