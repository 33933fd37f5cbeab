import type { CreatedRun } from '../../contract/api/runs.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import { maxWaitSeconds } from '../../contract/domain/clock.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import type { Run } from '../../contract/domain/run.ts';
import { isJsonObject } from '../../json/json-object.ts';
import { keyOf } from '../shared/wait-and-stream.ts';
import { findRun } from './agent-of-run.ts';
import { applyAnswers, checkLateAnswer, readElicited, readResponses } from './answers.ts';
import type { Call, Reply } from './call.ts';
import { type FollowOptions, followRun } from './followed-run.ts';
import { checkParamHeaders } from './param-headers.ts';
import { openQuestionsOf } from './questions.ts';
import { failure } from './results.ts';
import { invalidParams, tasksRequired } from './rpc-error.ts';
import { callRunTool } from './run-tool-calls.ts';
import { isRunTool, toolNameOf } from './tool-name.ts';
import { argumentsOf } from './tool-schemas.ts';
import { agentsOf, findTool } from './tools.ts';
import { textMember } from './wire.ts';

/** In the metadata of a run that an older client made: the call, so that its cancellation finds it at any replica. */
export const callKey = 'mcp_call';

/** `tools/call`: a run of the agent, or one of the tools for runs. */
export async function callTool(call: Call): Promise<JsonObject | Reply> {
  const { params, api, agentName, client, request } = call;
  const name = textMember(params, 'name');
  const { arguments: args = {}, requestState } = params;
  if (!isJsonObject(args)) throw invalidParams('params/arguments must be an object');
  if (isRunTool(name)) return await callRunTool(call, name, args);
  const agent = findTool(agentsOf(api, agentName), name);
  if (agent === undefined) throw invalidParams(`there is no tool ${JSON.stringify(name.slice(0, 128))}`);
  if (agent.mcp?.tasks === 'required' && client.isStateless && !client.takesTasks) throw tasksRequired();
  const { schema, toInput } = argumentsOf(agent);
  if (client.isStateless) checkParamHeaders(schema, args, request);
  const responses = readResponses(params);
  if (requestState !== undefined) return await continueCall(call, agent, responses);
  const created = await create(call, agent, await toInput(args));
  if ('refusal' in created) return created.refusal;
  const { replayed } = created;
  const run = responses === undefined ? created.run : await answerAhead(call, agent, created.run, responses);
  return await followRun(call, run, { ...termsOf(call, agent), afterSeq: 0, isReplayed: replayed });
}

function termsOf({ client }: Call, agent: Agent): Pick<FollowOptions, 'agent' | 'endsWithCall'> {
  return { agent, endsWithCall: client.isStateless };
}

/** The run, or what is wrong with the arguments, for the model to mend. */
async function create(call: Call, agent: Agent, input: Json): Promise<CreatedRun | { readonly refusal: JsonObject }> {
  const { api, request, client, id } = call;
  const metadata = client.nonce === null ? undefined : { [callKey]: nameCall(client.nonce, id) };
  try {
    return await api.runs.create({
      tenant: request.tenant,
      agent: agent.agentId,
      idempotencyKey: request.idempotencyKey,
      request: { input, metadata },
    });
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'invalid_input') return { refusal: failure(error.message) };
    throw error;
  }
}

export function nameCall(nonce: string, id: Call['id']): string {
  return `${nonce}:${typeof id}:${String(id).slice(0, 200)}`;
}

/** The client comes back with what it was given: the run, and the answer to what it asked. */
async function continueCall(call: Call, agent: Agent, responses: JsonObject | undefined): Promise<Reply> {
  const { seals, params, request } = call;
  const state = await seals.openState(textMember(params, 'requestState'), request.tenant);
  if (state === null) throw invalidParams('params/requestState is not one that this gateway gave');
  const { run } = await findRun(call, state.runId);
  if (run.agentId !== agent.agentId)
    throw invalidParams(`params/requestState is not one of the tool ${toolNameOf(agent)}`);
  const terms = { ...termsOf(call, agent), isReplayed: false };
  const isOpen = run.status === 'interrupted' && run.lastSeq === state.seq;
  // What was answered already is not answered again: the client gets what came of it.
  if (!isOpen && responses !== undefined) await checkLateAnswer(call, run, state.seq, responses);
  if (!isOpen || responses === undefined) return await followRun(call, run, { ...terms, afterSeq: state.seq });
  const next = await answer(call, agent, run, responses);
  return await followRun(call, next, { ...terms, afterSeq: next.lastSeq });
}

/** Answers that came with the call itself, to the first question of theirs. */
async function answerAhead(call: Call, agent: Agent, run: Run, responses: JsonObject): Promise<Run> {
  for (const response of Object.values(responses)) readElicited(response);
  const asked = await call.api.runs.wait(keyOf(run), maxWaitSeconds * 1000, call.request.signal);
  return asked.status === 'interrupted' ? await answer(call, agent, asked, responses) : asked;
}

/** The run as it was where none of its questions has an answer among them: they are asked again, like those that are left. */
async function answer(call: Call, agent: Agent, run: Run, responses: JsonObject): Promise<Run> {
  const questions = openQuestionsOf(agent, run) ?? [];
  return (await applyAnswers(call, { run, questions }, responses)) ?? run;
}
