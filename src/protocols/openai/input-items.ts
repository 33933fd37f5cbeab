import { contentText } from '../../agents/reply-text.ts';
import { parseJsonSliced } from '../../compute/sliced-json.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import type { RunSummary } from '../../contract/domain/run.ts';
import { callIdsOf } from './ids.ts';
import type { InputItem } from './schemas.ts';
import type { Question } from './segment.ts';

/** What a request says. */
export type ReadInput = {
  /** The last text of the user; empty where there is none. */
  readonly text: string;
  readonly messages: readonly JsonObject[];
  /** Place of the first text that is nobody's turn, but tells the agent how to work; null without one. */
  readonly instructionsAt: string | null;
  /** The request ends with the output of a function call, which answers an interrupt. */
  readonly answer: { readonly callId: string; readonly payload: Json } | null;
};

/** Reads the `input` of a creation. Rejects with `unfit_request`. */
export async function readInput(input: string | readonly InputItem[]): Promise<ReadInput> {
  const items: readonly InputItem[] = typeof input === 'string' ? [{ role: 'user', content: input }] : input;
  const messages: JsonObject[] = [];
  let instructionsAt: string | null = null;
  for (const [index, item] of items.entries()) {
    if (item.type !== undefined && item.type !== 'message') continue;
    const { role, content } = item;
    if (role === 'system' || role === 'developer') instructionsAt ??= `input/${index}`;
    messages.push({ role: role === 'developer' ? 'system' : role, content: textOf(content) });
  }
  const last = items.at(-1);
  const answer =
    last?.type === 'function_call_output'
      ? { callId: last.call_id, payload: await readPayload(textOf(last.output)) }
      : null;
  const text = messages.findLast(({ role }) => role === 'user')?.content;
  return { text: typeof text === 'string' ? text : '', messages, instructionsAt, answer };
}

function textOf(content: string | readonly object[]): string {
  return contentText(content as Json);
}

const payloadRules = { maxDepth: 100, protoKeys: 'refuse' } as const;

/** Payloads are JSON; what is none is a text. */
async function readPayload(text: string): Promise<Json> {
  const parsed = await parseJsonSliced(text, payloadRules);
  if (parsed.kind === 'json') return parsed.value;
  if (parsed.kind === 'malformed') return text;
  throw new GatewayError('unfit_request', { path: 'input', detail: 'has an output with a key that is not taken' });
}

/** The items that made a run, whichever protocol they came in. */
export function encodeInputItems({ runId, request }: RunSummary): readonly JsonObject[] {
  const { messages = [], input } = request;
  const said: readonly Json[] =
    messages.length > 0
      ? messages
      : [{ role: 'user', content: typeof input === 'string' ? input : (JSON.stringify(input) ?? '') }];
  return said.map((message, index) => {
    const { role = 'user', content = '' } = message as JsonObject;
    const type = role === 'assistant' ? 'output_text' : 'input_text';
    const block = { type, text: contentText(content), ...(type === 'output_text' ? { annotations: [] } : {}) };
    return { id: `msg_${runId}_in_${index}`, type: 'message', status: 'completed', role, content: [block] };
  });
}

/** The item that answered a question, as a text that is read as the same payload. */
export async function encodeAnswerItem(runId: string, { seq, payload }: Question): Promise<JsonObject> {
  const { call_id } = callIdsOf(runId, seq);
  const isPlain = typeof payload === 'string' && (await parseJsonSliced(payload, payloadRules)).kind === 'malformed';
  const output = isPlain ? payload : JSON.stringify(payload);
  return { id: `fco_${runId}_${seq}`, type: 'function_call_output', status: 'completed', call_id, output };
}
