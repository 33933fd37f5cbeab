import type { Answer } from '../../contract/api/protocol.ts';
import type { RunSummary } from '../../contract/domain/run.ts';
import { keyOf } from '../shared/wait-and-stream.ts';
import { agentOf, findRun } from './agent-of-run.ts';
import { applyAnswers, isLate } from './answers.ts';
import type { Call } from './call.ts';
import { callKey, nameCall } from './call-tool.ts';
import type { Client } from './client.ts';
import { openQuestionsOf } from './questions.ts';
import { RpcError, rpcCodes } from './rpc-error.ts';
import type { Message } from './wire.ts';

const accepted: Answer = { kind: 'empty', status: 202 };

type Target = Omit<Call, 'id' | 'method' | 'params' | 'client'>;

/** Cancels the run of a call that its client no longer waits for. Other notifications say nothing that matters here. */
export async function takeNotification(
  { api, request: { tenant } }: Target,
  { nonce, isStateless }: Client,
  { method, params }: Extract<Message, { kind: 'notification' }>,
): Promise<Answer> {
  const { requestId } = params;
  const isId = typeof requestId === 'string' || typeof requestId === 'number';
  if (method !== 'notifications/cancelled' || isStateless || nonce === null || !isId) return accepted;
  const metadata = { [callKey]: nameCall(nonce, requestId) };
  for await (const { rows } of api.runs.search({ tenant, metadata, omitInput: true, limit: 1, offset: 0 }))
    for (const run of rows) await cancelLive(api, run);
  return accepted;
}

async function cancelLive(api: Call['api'], { tenant, runId, phase }: RunSummary): Promise<void> {
  if (phase !== 'done') await api.runs.cancel({ tenant, runId }, { action: 'interrupt', wait: false });
}

/**
 * Takes the answer to a question that was put on the stream of a call, at this replica or another: its id says which run it
 * is for. Throws `RpcError` for an id that was not given to this tenant.
 */
export async function takeResponse(
  target: Target,
  client: Client,
  { id, result }: Extract<Message, { kind: 'response' }>,
): Promise<Answer> {
  const { api, request, seals } = target;
  const round = typeof id === 'string' ? await seals.openQuestion(id, request.tenant) : null;
  if (round === null) throw unasked();
  const call: Call = { ...target, client, id, method: '', params: {} };
  const { run } = await findRun(call, round.runId);
  if (run.status !== 'interrupted' || run.lastSeq !== round.seq) return accepted;
  // A client that cannot ask has said no for its person.
  if (result === null) {
    await api.runs.cancel(keyOf(run), { action: 'interrupt', wait: false });
    return accepted;
  }
  const questions = openQuestionsOf(agentOf(api, run), run) ?? [];
  try {
    await applyAnswers(call, { run, questions }, { [round.key ?? '']: result });
  } catch (error) {
    if (!isLate(error)) throw error;
  }
  return accepted;
}

function unasked(): RpcError {
  return new RpcError(rpcCodes.invalidRequest, 'nothing was asked under this id', { http: 400 });
}
