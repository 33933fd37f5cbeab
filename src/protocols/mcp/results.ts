import { evaluateReply, toWords } from '../../agents/chat.ts';
import { stringifySmall } from '../../compute/json-writer.ts';
import { stringifySliced } from '../../compute/sliced-json.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import { assertNever } from '../../contract/domain/assert-never.ts';
import { errcodes } from '../../contract/domain/errcodes.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import type { Outcome } from '../../contract/domain/run.ts';
import { contentOf, readBlocks } from './content.ts';
import { messageOf, schemaOf } from './questions.ts';
import { rpcCodes } from './rpc-error.ts';
import { outputSchemaOf, structuredContent } from './tool-schemas.ts';

/** Endings that say nothing of what the agent did: the gateway could not carry the run through. */
const broken: ReadonlySet<number> = new Set([
  errcodes.startUnknown,
  errcodes.upstreamGone,
  errcodes.mappingFailed,
  errcodes.answerUnreadable,
  errcodes.answerTooLarge,
  errcodes.unauthorised,
  errcodes.resultRefused,
]);

export function isBroken(outcome: Outcome | null): boolean {
  return outcome?.kind === 'error' && broken.has(outcome.errcode);
}

export type ResultTerms = { readonly runId: string; readonly agent: Agent | undefined; readonly isStateless: boolean };

/** How a call ends: with a result of the tool, which may be its failure, or with an error of the protocol. */
export type CallEnd =
  | { readonly kind: 'result'; readonly result: JsonObject }
  | {
      readonly kind: 'error';
      readonly error: { readonly code: number; readonly message: string; readonly data: JsonObject };
    };

/** What a call comes to with an outcome of its run; an interrupt is put into words, for clients that cannot ask. */
export async function endOf(outcome: Outcome, terms: ResultTerms): Promise<CallEnd> {
  switch (outcome.kind) {
    case 'result':
      return { kind: 'result', result: await encodeOutput(outcome.value, terms) };
    case 'interrupt':
      return { kind: 'result', result: encodeQuestion(outcome.payload, terms) };
    case 'error': {
      const { errcode, description } = outcome;
      if (!isBroken(outcome)) return { kind: 'result', result: failure(description) };
      return {
        kind: 'error',
        error: { code: rpcCodes.internal, message: description, data: { errcode, run_id: terms.runId } },
      };
    }
    default:
      return assertNever(outcome);
  }
}

/** A result that says that the tool failed, and why, for the model to read. */
export function failure(text: string): JsonObject {
  return { content: [{ type: 'text', text }], isError: true };
}

export async function textOf(value: Json): Promise<string> {
  if (typeof value === 'string') return value;
  return stringifySmall(value) ?? (await stringifySliced(value));
}

/**
 * The content is what the agent's own rule makes of the output: a text, or blocks such as images. Without a rule it is the output
 * where that is blocks, and else all of it as a text: models may read nothing else.
 */
async function encodeOutput(value: Json, { agent, isStateless }: ResultTerms): Promise<JsonObject> {
  if (agent?.chat?.reply !== undefined) {
    const own = await evaluateReply(agent, value);
    const content = readBlocks(own) ?? [{ type: 'text', text: await toWords(own, value) }];
    return { content, ...structuredContent(value, isStateless) };
  }
  const blocks = contentOf(value);
  if (blocks === null)
    return { content: [{ type: 'text', text: await textOf(value) }], ...structuredContent(value, isStateless) };
  // The same bytes twice are of no use, except to a client that holds them to a schema.
  const hasSchema = agent !== undefined && outputSchemaOf(agent, isStateless) !== undefined;
  return { content: blocks, ...(hasSchema ? structuredContent(value, isStateless) : {}) };
}

/** What an interrupted run asks and how to answer it, for a model to read. */
export function sayQuestion(interrupt: Json, { runId, agent }: Omit<ResultTerms, 'isStateless'>): string {
  const schema = schemaOf(agent, interrupt);
  const form = schema === undefined ? null : stringifySmall(schema);
  return [
    `The run ${runId} is interrupted and asks: ${messageOf(interrupt)}`,
    `Answer it with the tool resume_run, with run_id and payload.`,
    ...(form === null ? [] : [`JSON Schema of the payload: ${form}`]),
  ].join('\n');
}

function encodeQuestion(interrupt: Json, { runId, agent, isStateless }: ResultTerms): JsonObject {
  const text = sayQuestion(interrupt, { runId, agent });
  // Where the tool has a schema, clients refuse a result without structured content that is no failure.
  const isRefused = agent !== undefined && outputSchemaOf(agent, isStateless) !== undefined;
  return { content: [{ type: 'text', text }], ...(isRefused ? { isError: true } : {}) };
}
