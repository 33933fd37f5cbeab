import type { Api } from '../../contract/api/api.ts';
import type { Answer, Decoded } from '../../contract/api/protocol.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { Json } from '../../contract/domain/json.ts';
import type { Run } from '../../contract/domain/run.ts';
import { jsonAnswer } from '../shared/answers.ts';
import { createAndWait, keyOf } from '../shared/wait-and-stream.ts';
import { restack } from './found-agents.ts';

type AgentEvent = { readonly eventName: string; readonly eventInput?: Json | undefined };
type Client = Pick<Decoded<unknown, unknown, unknown>, 'signal' | 'clientLeft'>;

/** What ends an agent, and the event that stands for an answer to whatever it asked. */
const endEvent = 'end';
const resumeEvent = 'resume';

/** Carries out an event: an end, an answer to a run that waits, or a message to an agent that lives. */
export async function sendEvent(
  api: Api,
  { run, agent }: { readonly run: Run; readonly agent: Agent },
  event: AgentEvent,
  client: Client,
): Promise<Answer> {
  const key = keyOf(run);
  if (event.eventName === endEvent) {
    await api.runs.cancel(key, { action: 'interrupt', wait: true });
    // Its agent at the vendor lives until its thread goes.
    if (agent.capabilities.session && run.threadId !== null)
      await api.threads.delete({ tenant: run.tenant, threadId: run.threadId });
    return jsonAnswer({});
  }
  if (run.phase === 'interrupted') {
    await api.runs.resume(key, payloadOf(event, agent));
    return jsonAnswer({});
  }
  if (!agent.capabilities.session || run.threadId === null) throw new GatewayError('run_not_interrupted');
  return await sendMessage(api, run, event, client);
}

/** Restack's mapping takes the name and the input of an event; other vendors are resumed with what the client answers. */
function payloadOf({ eventName, eventInput = {} }: AgentEvent, { native }: Agent): Json {
  return native?.vendor === restack && eventName !== resumeEvent ? { eventName, eventInput } : eventInput;
}

/** The answer to a message is the output of the run that carries it. */
async function sendMessage(api: Api, run: Run, { eventInput }: AgentEvent, client: Client): Promise<Answer> {
  const { tenant, agentId, threadId } = run;
  if (threadId === null) throw new GatewayError('run_not_interrupted');
  const thread = { threadId, ifNotExists: 'reject', whenBusy: 'enqueue' } as const;
  const command = { tenant, agent: agentId, request: { input: eventInput }, thread };
  const { run: ended } = await createAndWait(api, command, 'continue', client);
  if (ended.outcome?.kind === 'result') return jsonAnswer(ended.outcome.value ?? {});
  const error = ended.outcome?.kind === 'error' ? ended.outcome.description : 'the agent has not answered yet';
  return { kind: 'json', status: 500, body: { error } };
}
