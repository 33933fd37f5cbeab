import type { z } from 'zod';
import type { Api } from '../../contract/api/api.ts';
import type { ErrorCode, GatewayError } from '../../contract/domain/errors.ts';
import type { JsonObject } from '../../contract/domain/json.ts';
import type { ThreadKey } from '../../contract/domain/thread.ts';
import { decodeCreation } from '../shared/run-create.ts';
import { CommandFault } from './command-fault.ts';
import { encodeError } from './encode.ts';
import { agentProtocol } from './runs.ts';
import { forkState, getState, listCheckpoints } from './state-commands.ts';
import { readInterruptId } from './streaming-events.ts';
import type { CommandParams, StreamingCommand } from './streaming-requests.ts';

/** Where a command was sent to, and by whom. */
export type Place = ThreadKey & { readonly idempotencyKey?: string | undefined };

type Command = (api: Api, place: Place, params: unknown) => Promise<JsonObject>;
export type Commands = ReadonlyMap<string, Command>;

/** What the protocol calls the errors that it has a word for; the others keep their own. */
const options: Partial<Readonly<Record<ErrorCode, string>>> = {
  invalid_request: 'invalid_argument',
  invalid_input: 'invalid_argument',
  agent_required: 'invalid_argument',
  agent_not_found: 'invalid_argument',
  agent_forbidden: 'permission_denied',
  run_not_found: 'no_such_run',
  run_not_interrupted: 'no_such_interrupt',
  internal: 'unknown_error',
};

const unsupported: Readonly<Record<string, string>> = {
  'input.inject': 'a vendor takes nothing from outside while its run is under way',
  'agent.getTree': 'vendors do not tell which agents work for a run',
  'subscription.subscribe': 'over HTTP the stream has its own channels; subscriptions are for the WebSocket',
  'subscription.unsubscribe': 'over HTTP a stream is left by closing it; subscriptions are for the WebSocket',
  'subscription.reconnect': 'over HTTP a stream goes on after `since`; subscriptions are for the WebSocket',
};

/** The commands that are carried out, each over the use cases that the ordinary operations have. */
export function createCommands(params: CommandParams): Commands {
  return new Map<string, Command>([
    ['run.start', (api, place, given) => startRun(api, place, parseParams(params.start, given))],
    ['input.respond', (api, place, given) => answerInterrupt(api, place, parseParams(params.respond, given))],
    ['state.get', (api, place, given) => getState(api, place, parseParams(params.get, given))],
    ['state.listCheckpoints', (api, place, given) => listCheckpoints(api, place, parseParams(params.list, given))],
    ['state.fork', (api, place, given) => forkState(api, place, parseParams(params.fork, given))],
  ]);
}

/** Carries a command out. Rejects with `CommandFault` or `GatewayError`. */
export async function carryOut(
  commands: Commands,
  api: Api,
  place: Place,
  { method, params = {} }: StreamingCommand,
): Promise<JsonObject> {
  const command = commands.get(method);
  if (command !== undefined) return await command(api, place, params);
  const reason = Object.hasOwn(unsupported, method) ? unsupported[method] : undefined;
  if (reason !== undefined) throw new CommandFault('not_supported', `${method} is not supported: ${reason}`);
  throw new CommandFault('unknown_command', 'the protocol has no such command');
}

/** Parameters by their schema. Throws `CommandFault`. */
export function parseParams<Schema extends z.ZodType>(schema: Schema, given: unknown): z.output<Schema> {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const at = ['params', ...(issue?.path ?? [])].join('/');
  throw new CommandFault('invalid_argument', `${at}: ${issue?.message ?? 'is not valid'}`);
}

/** `StreamingSuccessResponse`. */
export function encodeSuccess(id: number, result: JsonObject): JsonObject {
  return { type: 'success', id, result };
}

/** `StreamingErrorResponse`; null for an id that could not be read. */
export function encodeFault(id: number | null, fault: CommandFault | GatewayError): JsonObject {
  if (fault instanceof CommandFault) return { type: 'error', id, error: fault.code, message: fault.message };
  const { metadata = {} } = encodeError(fault);
  return { type: 'error', id, error: options[fault.code] ?? fault.code, message: fault.message, meta: metadata };
}

/** A thread that is busy refuses, as it does a run that is created in the ordinary way. */
async function startRun(
  api: Api,
  { tenant, threadId, idempotencyKey }: Place,
  { assistant_id: assistant, agent_id: agent = assistant, ...body }: z.output<CommandParams['start']>,
): Promise<JsonObject> {
  const { run } = await api.runs.create({
    tenant,
    agent,
    request: decodeCreation(body, agentProtocol),
    thread: { threadId, ifNotExists: 'reject', whenBusy: 'reject' },
    idempotencyKey,
  });
  return { run_id: run.runId };
}

/** The one that is named, or else the one that the thread waits for: a run asks one thing at a time. */
async function answerInterrupt(
  api: Api,
  { tenant, threadId }: Place,
  given: z.output<CommandParams['respond']>,
): Promise<JsonObject> {
  const answer = 'responses' in given ? given.responses[0] : given;
  if (answer?.response === undefined) throw new CommandFault('invalid_argument', 'params/response: is required');
  const { activeRunId } = await api.threads.get({ tenant, threadId });
  const named = answer.interrupt_id === undefined ? null : readInterruptId(answer.interrupt_id);
  const runId = answer.interrupt_id === undefined ? activeRunId : named?.runId;
  if (typeof runId !== 'string' || runId !== activeRunId) throw noInterrupt();
  const run = await api.runs.get({ tenant, runId });
  // Whoever answers an older question of the run must not answer the one that it asks now.
  if (run.status !== 'interrupted' || (named !== null && named.seq !== run.lastSeq)) throw noInterrupt();
  await api.runs.resume({ tenant, runId }, answer.response);
  return { run_id: runId };
}

function noInterrupt(): CommandFault {
  return new CommandFault('no_such_interrupt', 'the thread does not wait for this answer');
}
