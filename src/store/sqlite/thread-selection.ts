import { assertNever } from '../../contract/domain/assert-never.ts';
import type { ThreadFilter, ThreadSort } from '../../contract/domain/thread.ts';
import { listEntries } from '../search-entries.ts';
import type { Sql } from './database.ts';

export const newestFirst: ThreadSort = { by: 'createdAt', isAscending: false };

/** A thread within a walk: `place` and its id say where it stands, `sort_key` is what it is sorted by. */
export type ThreadPlace = {
  readonly thread_id: string;
  readonly place: number;
  readonly sort_key: number | string;
  readonly matched: number;
};

export type ThreadSlice = {
  readonly sort: ThreadSort;
  readonly tests: Sql | null;
  readonly after?: Pick<ThreadPlace, 'place' | 'thread_id'> | undefined;
  readonly limit: number;
  readonly offset: number;
};

/** The time by which a walk for this sort goes, and the sort if an index has its order. */
function walkOf(sort: ThreadSort): 'createdAt' | 'updatedAt' {
  return sort.by === 'updatedAt' ? 'updatedAt' : 'createdAt';
}

export function isInIndex({ by }: ThreadSort): boolean {
  return by === 'createdAt' || by === 'updatedAt';
}

/** The conditions that no index serves; null when there is none. */
export function selectThreadTests({ sort, ...filter }: ThreadFilter & { readonly sort: ThreadSort }): Sql | null {
  const conditions: string[] = [];
  const values: string[] = [];
  if (filter.status !== undefined && walkOf(sort) === 'updatedAt') {
    conditions.push('threads.status = ?');
    values.push(filter.status);
  }
  if (filter.agentId !== undefined) {
    conditions.push('threads.agent_id = ?');
    values.push(filter.agentId);
  }
  if (filter.agentIds !== undefined) {
    conditions.push(`coalesce(threads.agent_id IN (${filter.agentIds.map(() => '?').join(', ')}), 1)`);
    values.push(...filter.agentIds);
  }
  for (const column of ['metadata', 'values'] as const) {
    const name = column === 'metadata' ? 'metadata_entries' : 'value_entries';
    for (const entry of listEntries(filter[column])) {
      // The line feeds around an entry make a text search an exact one: no entry holds a line feed.
      conditions.push(`instr(thread_states.${name}, ?) > 0`);
      values.push(`\n${entry}\n`);
    }
  }
  return conditions.length === 0 ? null : { text: conditions.join(' AND '), values };
}

/** Threads of a tenant and status in the order of a walk, each with whether it passes the tests. */
export function selectThreadIds(
  { tenant, status }: Pick<ThreadFilter, 'tenant' | 'status'>,
  { sort, tests, after, limit, offset }: ThreadSlice,
): Sql {
  const walk = walkOf(sort);
  const place = walk === 'updatedAt' ? 'threads.updated_at_ms' : 'threads.created_at_ms';
  // A walk whose order no index has reads everything, in whatever order.
  const isAscending = isInIndex(sort) && sort.isAscending;
  const [direction, beyond] = isAscending ? ['ASC', '>'] : ['DESC', '<'];
  const conditions = ['threads.tenant = ?'];
  const values: (string | number)[] = [...(tests?.values ?? []), tenant];
  if (status !== undefined && walk === 'createdAt') {
    conditions.push('threads.status = ?');
    values.push(status);
  }
  if (after !== undefined) {
    conditions.push(`(${place}, threads.thread_id) ${beyond} (?, ?)`);
    values.push(after.place, after.thread_id);
  }
  const text = `${selectPlaces(place, sort, tests)}
    WHERE ${conditions.join(' AND ')} ORDER BY ${place} ${direction}, threads.thread_id ${direction} LIMIT ? OFFSET ?`;
  return { text, values: [...values, limit, offset] };
}

/** Those threads of the filter that have one of its ids, in any order. */
export function selectNamedThreads(
  { tenant, status, ids = [] }: ThreadFilter,
  sort: ThreadSort,
  tests: Sql | null,
): Sql {
  const ofStatus = status === undefined ? '' : ' AND threads.status = ?';
  const text = `${selectPlaces('threads.created_at_ms', sort, tests)}
    WHERE threads.thread_id IN (SELECT value FROM json_each(?)) AND threads.tenant = ?${ofStatus}`;
  const chosen = [JSON.stringify(ids), tenant, ...(status === undefined ? [] : [status])];
  return { text, values: [...(tests?.values ?? []), ...chosen] };
}

function selectPlaces(place: string, sort: ThreadSort, tests: Sql | null): string {
  const join = tests === null ? '' : 'JOIN thread_states ON thread_states.id = threads.id';
  const matched = tests === null ? '1' : `coalesce(${tests.text}, 0)`;
  return `SELECT threads.thread_id, ${place} AS place, ${sortKeyOf(sort)} AS sort_key, ${matched} AS matched
    FROM threads ${join}`;
}

function sortKeyOf({ by }: ThreadSort): string {
  switch (by) {
    case 'createdAt':
      return 'threads.created_at_ms';
    case 'updatedAt':
      return 'threads.updated_at_ms';
    case 'stateUpdatedAt':
      return `coalesce((SELECT at_ms FROM checkpoints WHERE checkpoints.thread = threads.id
        ORDER BY checkpoints.id DESC LIMIT 1), threads.created_at_ms)`;
    case 'threadId':
      return 'threads.thread_id';
    case 'status':
      return 'threads.status';
    default:
      return assertNever(by);
  }
}
