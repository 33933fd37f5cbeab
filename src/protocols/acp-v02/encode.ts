import { assertNever } from '../../contract/domain/assert-never.ts';
import type { RunEvent } from '../../contract/domain/event.ts';
import type { JsonObject } from '../../contract/domain/json.ts';
import type { Outcome, Run, RunSummary } from '../../contract/domain/run.ts';
import { encodeTimes } from '../shared/answers.ts';
import { encodePhase, isUpdate } from '../shared/phase-update.ts';
import { encodeCreation, type RunCreateEncoding, streamModesOf } from '../shared/run-create.ts';
import { asValue, messagesOf } from '../shared/values.ts';
import type { StreamEncoding } from '../shared/wait-and-stream.ts';
import { modes } from './schemas.ts';

const common = ['stream_mode', 'multitask_strategy', 'after_seconds'] as const;
const statelessWords: RunCreateEncoding = { members: [...common, 'on_completion'], modes };
const statefulWords: RunCreateEncoding = { members: [...common, 'if_not_exists', 'stream_subgraphs'], modes };

/** ACP 0.2 `RunStateless`. */
export function encodeStateless(run: RunSummary): JsonObject {
  return { ...encodeRun(run), creation: encodeCreation(run, statelessWords) };
}

/** ACP 0.2 `RunStateful`. */
export function encodeStateful(run: RunSummary): JsonObject {
  return { ...encodeRun(run), creation: encodeCreation(run, statefulWords) };
}

/** Either of the two: a stateless run has a thread only if it has an `on_completion`. */
export function encodeEither(run: Run): JsonObject {
  const isStateful = run.threadId !== null && run.request.onCompletion === undefined;
  return isStateful ? encodeStateful(run) : encodeStateless(run);
}

function encodeRun(run: RunSummary): JsonObject {
  return {
    run_id: run.runId,
    ...(run.threadId === null ? {} : { thread_id: run.threadId }),
    agent_id: run.agentId,
    ...encodeTimes(run),
    status: run.status,
  };
}

/** ACP 0.2 `RunOutput`, as a member of a `RunWaitResponse`; none while the run is pending. */
export function encodeOutput({ runId, status, outcome }: Run): JsonObject {
  if (status === 'pending') return {};
  if (outcome === null) throw new TypeError(`run ${runId} is ${status} without an outcome`);
  return { output: encodeOutcome(outcome, runId) };
}

function encodeOutcome(outcome: Outcome, runId: string): JsonObject {
  switch (outcome.kind) {
    case 'result':
      return { type: 'result', values: asValue(outcome.value), ...messagesOf(outcome.value) };
    case 'interrupt':
      return { type: 'interrupt', interrupt: asValue(outcome.payload) };
    case 'error':
      return { type: 'error', run_id: runId, errcode: outcome.errcode, description: outcome.description };
    default:
      return assertNever(outcome);
  }
}

/** One event of the stream, `StreamEventPayload` of the document. */
function encodeEvent({ runId, status, change }: RunEvent): JsonObject {
  switch (change.kind) {
    case 'phase':
    case 'replaced':
      return { type: 'custom', run_id: runId, status, update: encodePhase(change) };
    case 'partial':
    case 'result':
      return {
        type: 'values',
        run_id: runId,
        status,
        values: asValue(change.value),
        ...messagesOf(change.value),
      };
    case 'interrupt':
    case 'error':
      return { ...encodeOutcome(change, runId), run_id: runId, status };
    default:
      return assertNever(change);
  }
}

/** One encoder for each choice of modes, made once, because frames are cached by encoder. */
const everything: StreamEncoding = { encode: encodeEvent };
const valuesOnly: StreamEncoding = { encode: (event) => (isUpdate(event.change) ? null : encodeEvent(event)) };
const customOnly: StreamEncoding = {
  encode: (event) => (event.change.kind === 'partial' || event.change.kind === 'result' ? null : encodeEvent(event)),
};

/** The encoding for a run's stream modes; every mode has interrupts and errors. */
export function encodingFor({ request }: Run): StreamEncoding {
  const asked = new Set(streamModesOf(request) ?? []);
  if (asked.has('values') === asked.has('custom')) return everything;
  return asked.has('values') ? valuesOnly : customOnly;
}
