import type { Api } from '../../contract/api/api.ts';
import type { ListAnswer } from '../../contract/api/protocol.ts';
import { errcodes } from '../../contract/domain/errcodes.ts';
import type { JsonObject } from '../../contract/domain/json.ts';
import type { RunSummary } from '../../contract/domain/run.ts';
import type { RunConditions } from '../../contract/store/store.ts';
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

type Selection = Pick<RunConditions, 'phases' | 'status' | 'statuses' | 'errcodes' | 'notErrcodes'>;

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

/** A status of LangGraph by phase and errcode: `pending` and `running` are one status here, and so are `error` and a cancellation. */
export function selectionOf(status: LangGraphStatus): Selection {
  switch (status) {
    case 'pending':
      return { phases: ['queued', 'starting'] };
    case 'running':
      return { phases: ['running', 'resuming', 'delivering'] };
    case 'interrupted':
      return { statuses: ['interrupted', 'error'], errcodes: [errcodes.cancelled] };
    case 'error':
      return { status, notErrcodes: [errcodes.cancelled] };
    default:
      return { status };
  }
}
