import type { Api } from '../../contract/api/api.ts';
import type { ListAnswer } from '../../contract/api/protocol.ts';
import type { JsonObject } from '../../contract/domain/json.ts';
import type { RunPhase, RunStatus, RunSummary } from '../../contract/domain/run.ts';
import { listAnswer } from '../shared/answers.ts';
import { encodeRun, type LangGraphStatus } from './encode.ts';

export type RunListQuery = {
  readonly tenant: string;
  readonly threadId: string;
  readonly limit: number;
  readonly offset: number;
  readonly status?: LangGraphStatus | undefined;
  readonly select?: readonly string[] | undefined;
};

type Selection = { readonly phases?: readonly RunPhase[]; readonly status?: RunStatus };

/** Runs of a thread, newest first. */
export function listRuns(api: Api, query: RunListQuery): ListAnswer {
  const { tenant, threadId, limit, offset, status, select = [] } = query;
  const encode = (run: RunSummary): JsonObject => {
    const whole = Object.entries(encodeRun(run));
    return Object.fromEntries(select.length === 0 ? whole : whole.filter(([name]) => select.includes(name)));
  };
  const selection = status === undefined ? {} : selectionOf(status);
  return listAnswer(api.runs.search({ tenant, threadId, ...selection, limit, offset }), encode, { limit, offset });
}

/** Two of LangGraph's statuses are one here, and told apart by the phase. */
export function selectionOf(status: LangGraphStatus): Selection {
  switch (status) {
    case 'pending':
      return { phases: ['queued', 'starting'] };
    case 'running':
      return { phases: ['running', 'resuming', 'delivering'] };
    default:
      return { status };
  }
}
