import { toInput } from '../../agents/chat.ts';
import { findTextPlace } from '../../agents/text-property.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import type { RunRequest } from '../../contract/domain/run.ts';
import { contentText } from '../../json/conversation.ts';
import { isJsonObject } from '../../json/json-object.ts';
import { originOf } from '../shared/run-create.ts';
import { decodeMessages } from './messages.ts';
import type { RunBody } from './run-requests.ts';

/** The protocol's name, kept as the origin of its runs. */
export const langgraph = 'langgraph';

/** What a client asks for: a new run, an answer to the run that waits in the thread, or the end of that run. */
export type Intent =
  | { readonly kind: 'run' }
  | { readonly kind: 'resume'; readonly payload: Json }
  | { readonly kind: 'end' };

export function readIntent({ command }: RunBody): Intent {
  const { resume, goto = null } = command ?? {};
  if ([goto].flat().includes('__end__')) return { kind: 'end' };
  return resume === undefined || resume === null ? { kind: 'run' } : { kind: 'resume', payload: resume };
}

/** Members that only answers show again. */
const shownAgain = ['stream_mode', 'on_disconnect', 'multitask_strategy', 'if_not_exists', 'stream_subgraphs'] as const;

/** What a creation asks of the engine. Rejects with `GatewayError` where the agent cannot be given what was said. */
export async function decodeRequest(agent: Agent, body: RunBody, threadId: string | null): Promise<RunRequest> {
  const { webhook, after_seconds: afterSeconds, config, context, metadata, on_completion: onCompletion } = body;
  const { tags, recursion_limit: recursionLimit } = config ?? {};
  const shown = Object.fromEntries(
    shownAgain.flatMap((name) => {
      const value = body[name];
      return value === undefined || value === null ? [] : [[name, value] as const];
    }),
  );
  const further = {
    ...(tags === undefined || tags === null ? {} : { tags }),
    ...(recursionLimit === undefined || recursionLimit === null ? {} : { recursion_limit: recursionLimit }),
  };
  const extra = { ...shown, ...(Object.keys(further).length === 0 ? {} : { config: further }) } as JsonObject;
  return {
    ...(await decodeInput(agent, body.input)),
    config: configOf(config?.configurable ?? {}, context ?? {}, threadId),
    metadata: metadata ?? undefined,
    webhook: webhook ?? undefined,
    afterMs: afterSeconds === undefined || afterSeconds === null ? undefined : Math.round(afterSeconds * 1000),
    // A run on its own leaves nothing behind unless it is asked to.
    onCompletion: threadId === null && onCompletion === 'keep' ? 'keep' : undefined,
    origin: originOf(langgraph, webhook ?? undefined, extra),
  };
}

/** LangGraph has two names for what the agents here call their config. A client repeats its thread in it. */
function configOf(configurable: JsonObject, context: JsonObject, threadId: string | null): JsonObject | undefined {
  const { thread_id: repeated, ...rest } = configurable;
  const given = repeated === threadId || repeated === undefined ? rest : configurable;
  const named = { ...given, ...context };
  return Object.keys(named).length === 0 ? undefined : named;
}

/** Messages become what the agent takes, by its chat mapping; any other input passes as it is. */
export async function decodeInput(
  agent: Agent,
  input: Json | undefined,
): Promise<Pick<RunRequest, 'input' | 'messages'>> {
  const { messages: given, ...rest } = isJsonObject(input) ? input : {};
  const messages = decodeMessages(given);
  if (messages === null || messages.length === 0) return { input: input ?? undefined };
  const text = contentText(messages.findLast(({ role }) => role === 'user')?.content);
  const isBare = Object.keys(rest).length === 0;
  const { takesMessages, property } = findTextPlace(agent.schemas.input);
  if (isBare || agent.chat?.input !== undefined || !takesMessages) {
    return { input: await toInput(agent, { text, messages, ...(isBare ? {} : { data: rest }) }), messages };
  }
  const withText = property === undefined || Object.hasOwn(rest, property) ? {} : { [property]: text };
  return { input: { ...withText, ...rest, messages }, messages };
}
