import { assertNever } from '../../contract/domain/assert-never.ts';
import { errcodes } from '../../contract/domain/errcodes.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import type { Outcome, Run, RunPhase } from '../../contract/domain/run.ts';
import { isJsonObject } from '../../json/json-object.ts';
import { instantOf } from '../shared/answers.ts';
import { encodeMetadata } from '../shared/run-metadata.ts';
import { encodeFirstMessage, present } from './messages.ts';

export type TaskState =
  | 'TASK_STATE_SUBMITTED'
  | 'TASK_STATE_WORKING'
  | 'TASK_STATE_INPUT_REQUIRED'
  | 'TASK_STATE_COMPLETED'
  | 'TASK_STATE_FAILED'
  | 'TASK_STATE_CANCELED'
  | 'TASK_STATE_REJECTED';

/** The state of a run that goes on in this phase. */
export function liveState(phase: Exclude<RunPhase, 'done'>): TaskState {
  switch (phase) {
    case 'queued':
    case 'starting':
      return 'TASK_STATE_SUBMITTED';
    case 'running':
    case 'resuming':
    case 'delivering':
      return 'TASK_STATE_WORKING';
    case 'interrupted':
      return 'TASK_STATE_INPUT_REQUIRED';
    default:
      return assertNever(phase);
  }
}

/** The state of a run that ended with this error. A vendor that refuses to start a run has rejected the task. */
export function failedState(errcode: number): TaskState {
  if (errcode === errcodes.cancelled) return 'TASK_STATE_CANCELED';
  return errcode === errcodes.startRejected ? 'TASK_STATE_REJECTED' : 'TASK_STATE_FAILED';
}

function stateOf({ phase, outcome }: Pick<Run, 'phase' | 'outcome'>): TaskState {
  if (phase !== 'done') return liveState(phase);
  return outcome?.kind === 'error' ? failedState(outcome.errcode) : 'TASK_STATE_COMPLETED';
}

/** The ids that stand in all that is said of a task. */
export type TaskIds = { readonly taskId: string; readonly contextId: string };

export type TaskParts = {
  readonly contextId: string;
  /** The output as a text; null where it has none of its own. */
  readonly reply: string | null;
  /** The messages that are shown, oldest first; left out, the first one. */
  readonly history?: readonly JsonObject[] | undefined;
  readonly omitArtifacts?: boolean | undefined;
};

/** A run as a task. A partial output is no part of it: streams show those. */
export function encodeTask(
  run: Run,
  { contextId, reply, history = [encodeFirstMessage(run, contextId)], omitArtifacts }: TaskParts,
): JsonObject {
  const { runId: id, outcome, phase, lastSeq, updatedAtMs } = run;
  const ids = { taskId: id, contextId };
  const isDone = phase === 'done';
  const artifacts = isDone && outcome?.kind === 'result' ? encodeArtifacts(outcome.value, reply) : [];
  return present({
    id,
    contextId,
    status: {
      state: stateOf(run),
      ...(outcome === null || (outcome.kind === 'interrupt' && phase !== 'interrupted')
        ? {}
        : encodeWord(outcome, ids, lastSeq)),
      timestamp: instantOf(updatedAtMs),
    },
    artifacts: omitArtifacts === true || artifacts.length === 0 ? undefined : artifacts,
    history: history.length === 0 ? undefined : history,
    metadata: encodeMetadata(run),
  });
}

/** The message of a status, as a member to spread: what the agent asks, or why it failed. */
function encodeWord(outcome: Outcome, ids: TaskIds, seq: number): JsonObject {
  switch (outcome.kind) {
    case 'result':
      return {};
    case 'interrupt':
      return { message: encodeQuestion(outcome.payload, ids, seq) };
    case 'error':
      return { message: encodeFailure(outcome, ids, seq) };
    default:
      return assertNever(outcome);
  }
}

/** Members in which agents put the text of a question. */
const questionMembers = ['text', 'message', 'question', 'prompt'] as const;

/** What an interrupted agent asks: its payload, and the text in it for those that show texts. */
export function encodeQuestion(payload: Json, ids: TaskIds, seq: number): JsonObject {
  return encodeAgentMessage(ids, seq, partsOf(payload, questionOf(payload)));
}

function questionOf(payload: Json): string | null {
  if (!isJsonObject(payload)) return null;
  const member = questionMembers.find((name) => typeof payload[name] === 'string' && payload[name] !== '');
  return member === undefined ? null : String(payload[member]);
}

export function encodeFailure(
  { errcode, description }: { readonly errcode: number; readonly description: string },
  ids: TaskIds,
  seq: number,
): JsonObject {
  return {
    ...encodeAgentMessage(ids, seq, [{ text: description }]),
    metadata: { 'rungate.errcode': errcode },
  };
}

/** A message of the agent. Its id is that of the event which it comes with. */
export function encodeAgentMessage(
  { taskId, contextId }: TaskIds,
  seq: number,
  parts: readonly JsonObject[],
): JsonObject {
  return { messageId: `${taskId}.${seq}`, role: 'ROLE_AGENT', parts, taskId, contextId };
}

/** The one artifact of an output, or those that the output itself lists as an agent of this protocol made them. */
export function encodeArtifacts(output: Json, reply: string | null): readonly JsonObject[] {
  if (output === null) return [];
  if (isJsonObject(output) && isArtifacts(output.artifacts)) return output.artifacts;
  if (isJsonObject(output) && isTextAlone(output))
    return encodeArtifacts(output.text === '' ? null : (output.text ?? null), null);
  return [{ artifactId: 'output', name: 'output', parts: partsOf(output, reply) }];
}

/** An agent of this protocol without artifacts, or not with any yet. */
function isTextAlone({ artifacts, text, ...rest }: JsonObject): boolean {
  const isText = text === undefined || typeof text === 'string';
  return Array.isArray(artifacts) && artifacts.length === 0 && isText && Object.keys(rest).length === 0;
}

function isArtifacts(value: Json | undefined): value is JsonObject[] {
  return Array.isArray(value) && value.length > 0 && value.every(isArtifact);
}

function isArtifact(value: Json): boolean {
  if (!isJsonObject(value) || typeof value.artifactId !== 'string' || !Array.isArray(value.parts)) return false;
  return value.parts.length > 0 && value.parts.every(isPart);
}

function isPart(value: Json): boolean {
  return isJsonObject(value) && ['text', 'data', 'raw', 'url'].filter((kind) => value[kind] !== undefined).length === 1;
}

/** A text as it is; any other value as data, with its text where it has one. */
function partsOf(value: Json, text: string | null): readonly JsonObject[] {
  if (typeof value === 'string') return [{ text: value }];
  const data = { data: value, mediaType: 'application/json' };
  return text === null ? [data] : [{ text }, data];
}

/** The message that an agent of this protocol answered with instead of a task; null where the output is none. */
export function directMessageOf({ outcome, phase, runId }: Run): JsonObject | null {
  if (phase !== 'done' || outcome?.kind !== 'result' || !isJsonObject(outcome.value)) return null;
  const { message, artifacts } = outcome.value;
  if (artifacts !== undefined || !isJsonObject(message)) return null;
  const { messageId, role, parts, metadata } = message;
  const isMessage =
    typeof messageId === 'string' && role === 'ROLE_AGENT' && Array.isArray(parts) && parts.every(isPart);
  if (!isMessage || parts.length === 0) return null;
  const { taskId: _, ...rest } = message;
  return { ...rest, metadata: { ...(isJsonObject(metadata) ? metadata : {}), 'rungate.task': runId } };
}
