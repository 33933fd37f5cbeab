import { assertNever } from '../../contract/domain/assert-never.ts';
import { errcodes } from '../../contract/domain/errcodes.ts';
import type { JsonObject } from '../../contract/domain/json.ts';
import type { Run, RunSummary } from '../../contract/domain/run.ts';
import { encodeTimes } from '../shared/answers.ts';
import { echoConfig } from '../shared/config-echo.ts';
import { encodeMetadata } from '../shared/run-metadata.ts';

/** A run in LangGraph's words. One without a thread shows its own id there, which the paths of runs take too. */
export function encodeRun(run: Run | RunSummary): JsonObject {
  const { request } = run;
  const { multitask_strategy: strategy } = request.origin?.extra ?? {};
  return {
    run_id: run.runId,
    thread_id: run.threadId ?? run.runId,
    assistant_id: run.agentId,
    ...encodeTimes(run),
    status: statusOf(run),
    metadata: { ...encodeMetadata(run), graph_id: run.agentName, assistant_id: run.agentId },
    kwargs: {
      ...(request.input === undefined ? {} : { input: request.input }),
      ...(request.config === undefined ? {} : { config: { configurable: echoConfig(request.config) } }),
    },
    multitask_strategy: typeof strategy === 'string' ? strategy : 'enqueue',
  };
}

export type LangGraphStatus = 'pending' | 'running' | 'success' | 'error' | 'timeout' | 'interrupted';

/** Whether a client or an operator ended the run. LangGraph knows such a run as `interrupted`, and it did not fail. */
export function isCancelled(run: Run | RunSummary): boolean {
  if (!('outcome' in run)) return run.errcode === errcodes.cancelled;
  return run.outcome?.kind === 'error' && run.outcome.errcode === errcodes.cancelled;
}

/** Clients reconnect to a stream while the status is one of the first two. */
function statusOf(run: Run | RunSummary): LangGraphStatus {
  const { phase, status } = run;
  switch (phase) {
    case 'queued':
    case 'starting':
      return 'pending';
    case 'running':
    case 'resuming':
    case 'delivering':
      return 'running';
    case 'interrupted':
      return status;
    case 'done':
      return isCancelled(run) ? 'interrupted' : status;
    default:
      return assertNever(phase);
  }
}
