import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import { z } from 'zod';
import type { Thread, ThreadQuery } from '../../contract/domain/thread.ts';
import type { Rows } from '../../contract/store/rows.ts';
import { listEntries } from '../search-entries.ts';
import { decodeLarge, decodeThread } from '../thread-rows.ts';
import type { Sql } from './database.ts';
import { loadRow, sliceOf, walkSlices } from './slices.ts';
import type { Statements } from './sqlite-statements.ts';

const candidate = z.object({ thread_id: z.string(), created_at_ms: z.number(), matched: z.number() });
type Candidate = z.infer<typeof candidate>;

const sized = z.object({ metadata: z.string(), state_values: z.string(), messages: z.string() });

/** Searches threads without holding the event loop for long. Throws SQLite's errors. */
export class ThreadSearch {
  readonly #database: DatabaseSync;
  readonly #statements: Statements;

  constructor(database: DatabaseSync, statements: Statements) {
    this.#database = database;
    this.#statements = statements;
  }

  find(query: ThreadQuery): Rows<Thread> {
    const tests = selectMatches(query);
    return walkSlices({
      readSlice: (after: Candidate | undefined, limit, offset) =>
        sliceOf(this.#read(selectThreadIds(query, { tests, after, limit, offset })), limit),
      load: ({ thread_id: threadId }) => this.#load(query, threadId),
      limit: query.limit,
      offset: query.offset,
      isIndexed: tests === null,
    });
  }

  #load({ tenant, omitState = false }: ThreadQuery, threadId: string) {
    const { findThread, findThreadHead, weighThread } = this.#statements;
    const statement = omitState ? findThreadHead : findThread;
    return loadRow<Thread>({
      weight: omitState ? undefined : weighThread.get(threadId),
      find: () => statement.get(threadId, tenant),
      decode: (row) => decodeLarge(row, decodeThread),
      sizeOf,
    });
  }

  #read({ text, values }: Sql): readonly Candidate[] {
    const rows: Record<string, SQLOutputValue>[] = this.#database.prepare(text).all(...values);
    return rows.map((row) => candidate.parse(row));
  }
}

/** Characters of a thread's or a checkpoint's payload. */
export function sizeOf(row: object): number {
  const { metadata, state_values: values, messages } = sized.parse(row);
  return metadata.length + values.length + messages.length;
}

/** The conditions that no index serves; null when there is none. */
function selectMatches(query: ThreadQuery): Sql | null {
  const conditions: string[] = [];
  const values: string[] = [];
  if (query.agentId !== undefined) {
    conditions.push('threads.agent_id = ?');
    values.push(query.agentId);
  }
  if (query.agentIds !== undefined) {
    conditions.push(`coalesce(threads.agent_id IN (${query.agentIds.map(() => '?').join(', ')}), 1)`);
    values.push(...query.agentIds);
  }
  for (const column of ['metadata', 'values'] as const) {
    const name = column === 'metadata' ? 'metadata_entries' : 'value_entries';
    for (const entry of listEntries(query[column])) {
      // The line feeds around an entry make a text search an exact one: no entry holds a line feed.
      conditions.push(`instr(thread_states.${name}, ?) > 0`);
      values.push(`\n${entry}\n`);
    }
  }
  return conditions.length === 0 ? null : { text: conditions.join(' AND '), values };
}

/** Threads of a tenant and status, newest first, each with whether it passes the tests. */
export function selectThreadIds(
  { tenant, status }: Pick<ThreadQuery, 'tenant' | 'status'>,
  page: {
    readonly tests: Sql | null;
    readonly after?: Pick<Candidate, 'created_at_ms' | 'thread_id'> | undefined;
    readonly limit: number;
    readonly offset: number;
  },
): Sql {
  const { tests, after, limit, offset } = page;
  const conditions = ['threads.tenant = ?'];
  const values: (string | number)[] = [...(tests?.values ?? []), tenant];
  if (status !== undefined) {
    conditions.push('threads.status = ?');
    values.push(status);
  }
  if (after !== undefined) {
    conditions.push('(threads.created_at_ms, threads.thread_id) < (?, ?)');
    values.push(after.created_at_ms, after.thread_id);
  }
  const join = tests === null ? '' : 'JOIN thread_states ON thread_states.id = threads.id';
  const matched = tests === null ? '1' : `coalesce(${tests.text}, 0)`;
  const text = `SELECT threads.thread_id, threads.created_at_ms, ${matched} AS matched FROM threads ${join}
    WHERE ${conditions.join(' AND ')} ORDER BY threads.created_at_ms DESC, threads.thread_id DESC LIMIT ? OFFSET ?`;
  return { text, values: [...values, limit, offset] };
}
