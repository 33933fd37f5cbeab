import { runStatuses } from '../contract/domain/run.ts';
import type { RunQuery } from '../contract/store/store.ts';

export type Sql = { readonly text: string; readonly values: readonly (string | number)[] };

export type Page = {
  readonly limit: number;
  readonly offset: number;
  /** Only runs older than this one. */
  readonly beforeRunId?: string | undefined;
  /** Bounds each range separately, for a planner that would otherwise read the ranges whole and sort them. */
  readonly limitRanges?: boolean | undefined;
};

/**
 * Selects the ids of the runs that match a query apart from its metadata, newest first. Without a status
 * it merges one range per status, because the indexes are ordered by id only below a status.
 */
export function selectRunIds(query: RunQuery, page: Page): Sql {
  const values: (string | number)[] = [];
  const bind = (value: string | number): string => `$${values.push(value)}`;
  const conditions = [`tenant = ${bind(query.tenant)}`];
  if (typeof query.threadId === 'string') conditions.push(`thread_id = ${bind(query.threadId)}`);
  if (query.threadId === null) conditions.push('thread_id IS NULL');
  if (query.agentId !== undefined) conditions.push(`agent_id = ${bind(query.agentId)}`);
  // The plus keeps SQLite off an index that would yield the runs agent by agent instead of newest first.
  if (query.agentIds !== undefined)
    conditions.push(`${page.limitRanges ? '' : '+'}agent_id IN (${query.agentIds.map(bind).join(', ')})`);
  if (page.beforeRunId !== undefined) conditions.push(`run_id < ${bind(page.beforeRunId)}`);

  const oneRange = query.status !== undefined || typeof query.threadId === 'string';
  const ranges = (oneRange ? [query.status] : runStatuses).map((status) => {
    const all = status === undefined ? conditions : [...conditions, `status = ${bind(status)}`];
    return `SELECT run_id FROM runs WHERE ${all.join(' AND ')}`;
  });
  const bounds = `ORDER BY run_id DESC LIMIT ${bind(page.limit)} OFFSET ${bind(page.offset)}`;
  if (!page.limitRanges || oneRange) return { text: `${ranges.join(' UNION ALL ')} ${bounds}`, values };
  const max = bind(page.limit + page.offset);
  const limited = ranges.map((range) => `(${range} ORDER BY run_id DESC LIMIT ${max})`);
  return { text: `${limited.join(' UNION ALL ')} ${bounds}`, values };
}
