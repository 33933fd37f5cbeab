import type { Run } from '../../contract/domain/run.ts';

/** What names a run in a log line, with the request and the trace that it belongs to. */
export type RunLogFields = {
  readonly run_id: string;
  readonly request_id: string | undefined;
  readonly trace_id: string | undefined;
};

export function runLogFields({ runId, request: { trace } }: Pick<Run, 'runId' | 'request'>): RunLogFields {
  return {
    run_id: runId,
    request_id: trace?.requestId,
    // `00-<trace id>-<span id>-<flags>`
    trace_id: trace?.context?.traceparent.slice(3, 35),
  };
}
