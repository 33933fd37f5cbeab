import { assertNever } from '../../contract/domain/assert-never.ts';
import type { JsonObject } from '../../contract/domain/json.ts';
import type { RunSummary } from '../../contract/domain/run.ts';
import { encodeTimes } from '../shared/answers.ts';
import { echoConfig } from '../shared/config-echo.ts';
import { encodeMetadata } from '../shared/run-metadata.ts';

/** A run in LangGraph's words. One without a thread shows its own id there, which the paths of runs take too. */
export function encodeRun(run: RunSummary): JsonObject {
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

/** Clients reconnect to a stream while the status is one of the first two. */
function statusOf({ phase, status }: RunSummary): LangGraphStatus {
  switch (phase) {
    case 'queued':
    case 'starting':
      return 'pending';
    case 'running':
    case 'resuming':
    case 'delivering':
      return 'running';
    case 'interrupted':
    case 'done':
      return status;
    default:
      return assertNever(phase);
  }
}
