import { assertNever } from '../../contract/domain/assert-never.ts';
import type { GatewayError } from '../../contract/domain/errors.ts';
import type { RunEvent } from '../../contract/domain/event.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import type { Outcome, Run, RunSummary } from '../../contract/domain/run.ts';
import { encodeTimes } from '../shared/answers.ts';
import { encodeErrorMetadata } from '../shared/error-metadata.ts';
import { encodePhase, isUpdate } from '../shared/phase-update.ts';
import { encodeCreation, type RunCreateEncoding, streamModesOf } from '../shared/run-create.ts';
import { encodeMetadata } from '../shared/run-metadata.ts';
import { asObject, messagesOf } from '../shared/values.ts';
import type { StreamEncoding } from '../shared/wait-and-stream.ts';
import { modes } from './schemas.ts';

const options: RunCreateEncoding = { members: ['messages', 'on_completion', 'if_not_exists', 'stream_mode'], modes };

/** The Agent Protocol's flat `Run`. */
export function encodeRun(run: RunSummary): JsonObject {
  return {
    ...encodeCreation(run, options),
    ...(run.threadId === null ? {} : { thread_id: run.threadId }),
    run_id: run.runId,
    ...encodeTimes(run),
    status: run.status,
    metadata: encodeMetadata(run) ?? {},
  };
}

/** `RunWaitResponse`. */
export function encodeWaited(run: Run): JsonObject {
  return {
    run: encodeRun(run),
    ...(run.outcome === null || run.status === 'pending' ? {} : encodeOutcome(run.outcome)),
  };
}

function encodeOutcome(outcome: Outcome): JsonObject {
  switch (outcome.kind) {
    case 'result':
      return { values: asObject(outcome.value), ...messagesOf(outcome.value) };
    case 'interrupt':
      return { interrupt: outcome.payload };
    case 'error': {
      const { errcode, description } = outcome;
      return { error: { code: 'run_failed', message: description, metadata: { errcode } } };
    }
    default:
      return assertNever(outcome);
  }
}

/** An event's data; its kind is the event's name. */
function encodeEvent({ runId, status, change }: RunEvent): JsonObject {
  const run = { run_id: runId, status };
  switch (change.kind) {
    case 'phase':
    case 'replaced':
      return { ...run, update: encodePhase(change) };
    case 'partial':
    case 'result':
      return asObject(change.value);
    case 'interrupt':
      return { ...run, interrupt: change.payload };
    case 'error':
      return { ...run, error: 'run_failed', message: change.description, errcode: change.errcode };
    default:
      return assertNever(change);
  }
}

/** The form in which a stream sends a run's values. */
type Whole = 'values' | 'messages' | 'nothing';

function encodingOf(whole: Whole, phases: boolean): StreamEncoding {
  const encode = (event: RunEvent): Json | null => {
    const { change } = event;
    if (isUpdate(change)) return phases ? encodeEvent(event) : null;
    if (!isValues(event) || whole === 'values') return encodeEvent(event);
    return whole === 'messages' && 'value' in change ? (messagesOf(change.value).messages ?? null) : null;
  };
  const eventName = (event: RunEvent): string => {
    if (isUpdate(event.change)) return 'custom';
    return isValues(event) ? whole : event.change.kind;
  };
  return { encode, eventName };
}

function isValues({ change }: RunEvent): boolean {
  return change.kind === 'partial' || change.kind === 'result';
}

/** One encoder for each choice of modes, made once, because frames are cached by encoder. */
const encodings: Readonly<Record<Whole, { readonly plain: StreamEncoding; readonly custom: StreamEncoding }>> = {
  values: { plain: encodingOf('values', false), custom: encodingOf('values', true) },
  messages: { plain: encodingOf('messages', false), custom: encodingOf('messages', true) },
  nothing: { plain: encodingOf('nothing', false), custom: encodingOf('nothing', true) },
};

/**
 * The encoding for a run's stream modes; `values` where it has none. Every mode has interrupts and errors. Vendors report
 * no steps, so `updates` has no events; together with `values`, which contain them, `messages` has none.
 */
export function encodingFor({ request }: Run): StreamEncoding {
  const asked = new Set(streamModesOf(request) ?? ['values']);
  const whole = asked.size === 0 || asked.has('values') ? 'values' : asked.has('messages') ? 'messages' : 'nothing';
  return encodings[whole][asked.has('custom') ? 'custom' : 'plain'];
}

/** The protocol's `ErrorResponse`. */
export function encodeError(error: GatewayError): JsonObject {
  return { code: error.code, message: error.message, metadata: encodeErrorMetadata(error) };
}
