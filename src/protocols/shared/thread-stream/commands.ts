import type { z } from 'zod';
import type { Api } from '../../../contract/api/api.ts';
import type { Agent } from '../../../contract/domain/agent.ts';
import type { ErrorCode, GatewayError } from '../../../contract/domain/errors.ts';
import type { Json, JsonObject } from '../../../contract/domain/json.ts';
import type { RunRequest } from '../../../contract/domain/run.ts';
import type { ThreadKey } from '../../../contract/domain/thread.ts';
import { refuseDropping } from '../decisive-members.ts';
import { encodeErrorMetadata } from '../error-metadata.ts';
import { readInterruptId } from '../interrupt-ids.ts';
import { decodeCreation } from '../run-create.ts';
import { forkState, getState, listCheckpoints } from './state-commands.ts';
import { CommandFault, type CommandParams, parseParams, type StreamingCommand } from './streaming-requests.ts';

/** The thread that a command is for, and the key of the request that brought it. */
export type CommandTarget = ThreadKey & { readonly idempotencyKey?: string | undefined };

type Command = (api: Api, target: CommandTarget, params: unknown) => Promise<JsonObject>;
export type Commands = ReadonlyMap<string, Command>;

export type CommandOptions = {
  /** The protocol's name, kept as the origin of its runs. */
  readonly protocol: string;
  /** Whether the thread is made by the first run in it. */
  readonly createsThreads: boolean;
  readonly maxListBytes: number;
  /** What the agent takes of what the client calls input; as it is, unless said. Rejects with `GatewayError`. */
  readonly decodeInput?: (agent: Agent, input: Json | undefined) => Promise<Pick<RunRequest, 'input' | 'messages'>>;
};

const noMembers: ReadonlySet<string> = new Set();

/** Errors that the protocol has a code for; the others keep their own. */
const faultCodes: Partial<Readonly<Record<ErrorCode, string>>> = {
  invalid_request: 'invalid_argument',
  invalid_input: 'invalid_argument',
  agent_required: 'invalid_argument',
  agent_not_found: 'invalid_argument',
  agent_forbidden: 'permission_denied',
  run_not_found: 'no_such_run',
  run_not_interrupted: 'no_such_interrupt',
  thread_not_interrupted: 'no_such_interrupt',
  question_answered: 'no_such_interrupt',
  internal: 'unknown_error',
};

const unsupported: Readonly<Record<string, string>> = {
  'input.inject': 'a vendor takes nothing from outside while its run is under way',
  'agent.getTree': 'vendors do not report which agents work for a run',
  'subscription.subscribe': 'over HTTP the stream has its own channels; subscriptions are for the WebSocket',
  'subscription.unsubscribe': 'over HTTP a stream is left by closing it; subscriptions are for the WebSocket',
  'subscription.reconnect': 'over HTTP a stream goes on after `since`; subscriptions are for the WebSocket',
};

/** The commands that are supported, over the same use cases as the ordinary operations. */
export function createCommands(schemas: CommandParams, options: CommandOptions): Commands {
  const { maxListBytes, protocol } = options;
  return new Map<string, Command>([
    ['run.start', (api, target, params) => startRun(api, target, parseParams(schemas.start, params), options)],
    ['input.respond', (api, target, params) => answerInterrupt(api, target, parseParams(schemas.respond, params))],
    ['state.get', (api, target, params) => getState(api, target, parseParams(schemas.get, params))],
    [
      'state.listCheckpoints',
      (api, target, params) =>
        listCheckpoints(api, target, { ...parseParams(schemas.list, params), maxBytes: maxListBytes }),
    ],
    ['state.fork', (api, target, params) => forkState(api, target, parseParams(schemas.fork, params), protocol)],
  ]);
}

/** Executes a command. Rejects with `CommandFault` or `GatewayError`. */
export async function execute(
  commands: Commands,
  api: Api,
  target: CommandTarget,
  { id: _id, method, params = {}, ...others }: StreamingCommand,
): Promise<JsonObject> {
  // The document leaves further members of a command open, but not those that decide what it does.
  const misplaced = Object.keys(others).find((member) => refuseDropping(member, noMembers) !== null);
  if (misplaced !== undefined) throw new CommandFault('invalid_argument', `${misplaced}: belongs into params`);
  const command = commands.get(method);
  if (command !== undefined) return await command(api, target, params);
  const reason = Object.hasOwn(unsupported, method) ? unsupported[method] : undefined;
  if (reason !== undefined) throw new CommandFault('not_supported', `${method} is not supported: ${reason}`);
  throw new CommandFault('unknown_command', 'the protocol has no such command');
}

/** `StreamingSuccessResponse`. */
export function encodeSuccess(id: number, result: JsonObject): JsonObject {
  return { type: 'success', id, result };
}

/** `StreamingErrorResponse`; the id is null where it could not be read. */
export function encodeFault(id: number | null, fault: CommandFault | GatewayError): JsonObject {
  if (fault instanceof CommandFault) return { type: 'error', id, error: fault.code, message: fault.message };
  const meta = encodeErrorMetadata(fault);
  return { type: 'error', id, error: faultCodes[fault.code] ?? fault.code, message: fault.message, meta };
}

/** A busy thread refuses the run, as it does one that is created by the ordinary operation. */
async function startRun(
  api: Api,
  { tenant, threadId, idempotencyKey }: CommandTarget,
  { assistant_id: assistant, agent_id: agent = assistant, ...body }: z.output<CommandParams['start']>,
  { protocol, createsThreads, decodeInput }: CommandOptions,
): Promise<JsonObject> {
  if (assistant !== undefined && assistant !== agent)
    throw new CommandFault('invalid_argument', 'params/assistant_id: is another agent than agent_id');
  const request = decodeCreation(body, protocol);
  const decoded =
    decodeInput === undefined || agent === undefined ? {} : await decodeInput(api.agents.get(agent), body.input);
  const { run } = await api.runs.create({
    tenant,
    agent,
    request: { ...request, ...decoded },
    thread: { threadId, ifNotExists: createsThreads ? 'create' : 'reject', whenBusy: 'reject' },
    idempotencyKey,
  });
  return { run_id: run.runId };
}

/** Answers the interrupt that is named, or else the one that the thread waits for: a run has one at a time. */
async function answerInterrupt(
  api: Api,
  { tenant, threadId }: CommandTarget,
  params: z.output<CommandParams['respond']>,
): Promise<JsonObject> {
  const answer = 'responses' in params ? params.responses[0] : params;
  if (answer?.response === undefined) throw new CommandFault('invalid_argument', 'params/response: is required');
  const interrupt = answer.interrupt_id === undefined ? undefined : readInterruptId(answer.interrupt_id);
  if (interrupt === null) throw new CommandFault('no_such_interrupt', 'the thread does not wait for this answer');
  const { run } = await api.threads.resume({ key: { tenant, threadId }, payload: answer.response, interrupt });
  return { run_id: run.runId };
}
