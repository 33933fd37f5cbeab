import { assertNever } from '../../contract/domain/assert-never.ts';
import type { RunEvent } from '../../contract/domain/event.ts';
import type { JsonObject } from '../../contract/domain/json.ts';
import type { Outcome, Run, RunSummary } from '../../contract/domain/run.ts';
import { encodeTimes } from '../shared/answers.ts';
import { echoConfig } from '../shared/config-echo.ts';
import { encodePhase } from '../shared/phase-update.ts';
import { streamModesOf } from '../shared/run-create.ts';
import { encodeMetadata } from '../shared/run-metadata.ts';

/**
 * ACP 0.1 `Run` with the flat members of the Agent Protocol's Run in addition, so that clients of either can read it. A
 * member is sent only where it is known of this run.
 */
export function encodeRun(run: RunSummary): JsonObject {
  const asked = encodeRequest(run);
  return {
    creation: { agent_id: run.agentId, ...asked, ...encodeStreaming(run) },
    run_id: run.runId,
    agent_id: run.agentId,
    ...(run.threadId === null ? {} : { thread_id: run.threadId }),
    ...encodeTimes(run),
    status: run.status,
    ...asked,
    ...(run.request.messages === undefined ? {} : { messages: run.request.messages }),
    // The Agent Protocol requires it even if the client sent none.
    metadata: encodeMetadata(run) ?? {},
  };
}

function encodeRequest({ request, threadId }: RunSummary): JsonObject {
  const { input, metadata, config, webhook } = request;
  return {
    ...(threadId === null ? {} : { thread_id: threadId }),
    ...(input === undefined ? {} : { input }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(config === undefined ? {} : { config: echoConfig(config) }),
    ...(webhook === undefined ? {} : { webhook }),
  };
}

function encodeStreaming({ request }: RunSummary): JsonObject {
  for (const mode of streamModesOf(request) ?? []) {
    if (mode === 'values') return { streaming: 'result' };
    if (mode === 'custom') return { streaming: 'custom' };
  }
  return {};
}

/** ACP 0.1 `RunOutput`; null while there is none. */
export function encodeOutput(run: Run): JsonObject | null {
  if (run.status === 'pending') return null;
  if (run.outcome === null) throw new TypeError(`run ${run.runId} is ${run.status} without an outcome`);
  return encodeOutcome(run.outcome, run.runId, run.status);
}

/** One event of the stream. Results, interrupts and errors have the shape of the output. */
export function encodeEvent({ runId, status, change }: RunEvent): JsonObject {
  switch (change.kind) {
    case 'phase':
    case 'replaced':
      return { type: 'custom', run_id: runId, status, update: encodePhase(change) };
    case 'partial':
      return encodeOutcome({ kind: 'result', value: change.value }, runId, status);
    case 'interrupt':
    case 'result':
    case 'error':
      return encodeOutcome(change, runId, status);
    default:
      return assertNever(change);
  }
}

function encodeOutcome(outcome: Outcome, runId: string, status: string): JsonObject {
  switch (outcome.kind) {
    case 'result':
      return { type: 'result', run_id: runId, status, result: outcome.value };
    case 'interrupt':
      return { type: 'interrupt', run_id: runId, status, interrupt: outcome.payload };
    case 'error':
      return {
        type: 'error',
        run_id: runId,
        status,
        errcode: outcome.errcode,
        description: outcome.description,
      };
    default:
      return assertNever(outcome);
  }
}
