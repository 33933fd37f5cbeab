import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import { z } from 'zod';
import { nextTurn } from '../../compute/turns.ts';
import type { Thread, ThreadFilter, ThreadQuery, ThreadSort } from '../../contract/domain/thread.ts';
import type { Rows } from '../../contract/store/rows.ts';
import { decodeLarge, decodeThread } from '../thread-rows.ts';
import type { Sql } from './database.ts';
import { loadRow, sliceOf, walkSlices } from './slices.ts';
import type { Statements } from './sqlite-statements.ts';
import {
  isInIndex,
  newestFirst,
  selectNamedThreads,
  selectThreadIds,
  selectThreadTests,
  type ThreadPlace,
} from './thread-selection.ts';

const candidate = z.object({
  thread_id: z.string(),
  place: z.number(),
  sort_key: z.union([z.number(), z.string()]),
  matched: z.number(),
});

const sized = z.object({ metadata: z.string(), state_values: z.string(), messages: z.string() });

/** Threads that are examined at once where all of a tenant are. */
const wholeSlice = 1000;

/** Searches threads without holding the event loop for long. Throws SQLite's errors. */
export class ThreadSearch {
  readonly #database: DatabaseSync;
  readonly #statements: Statements;

  constructor(database: DatabaseSync, statements: Statements) {
    this.#database = database;
    this.#statements = statements;
  }

  find(query: ThreadQuery): Rows<Thread> {
    const { sort = newestFirst, limit, offset } = query;
    const load = ({ thread_id: threadId }: ThreadPlace) => this.#load(query, threadId);
    if (query.ids !== undefined || !isInIndex(sort)) {
      const readSlice = async () => ({ places: await this.#sorted(query, sort), isEnd: true });
      return walkSlices<ThreadPlace, Thread>({ readSlice, load, limit, offset, isIndexed: false });
    }
    const tests = selectThreadTests({ ...query, sort });
    return walkSlices({
      readSlice: (after: ThreadPlace | undefined, size, skip) =>
        sliceOf(this.#read(selectThreadIds(query, { sort, tests, after, limit: size, offset: skip })), size),
      ...{ load, limit, offset, isIndexed: tests === null },
    });
  }

  async count(filter: ThreadFilter): Promise<number> {
    let count = 0;
    for await (const places of this.#slices(filter, newestFirst)) {
      for (const { matched } of places) count += Math.sign(matched);
    }
    return count;
  }

  /** The first threads that match, as many as the query may give, in an order that no index has. */
  async #sorted(query: ThreadQuery, sort: ThreadSort): Promise<readonly ThreadPlace[]> {
    const compare = sort.isAscending ? comparePlaces : (a: ThreadPlace, b: ThreadPlace) => comparePlaces(b, a);
    let first: readonly ThreadPlace[] = [];
    for await (const places of this.#slices(query, sort)) {
      const more = places.filter(({ matched }) => matched !== 0).sort(compare);
      first = mergeSorted(first, more, { compare, max: query.offset + query.limit });
    }
    return first;
  }

  /** All threads of a filter, slice by slice, with other work in between. */
  async *#slices(filter: ThreadFilter, sort: ThreadSort): AsyncGenerator<readonly ThreadPlace[], undefined> {
    const tests = selectThreadTests({ ...filter, sort: newestFirst });
    if (filter.ids !== undefined) {
      yield this.#read(selectNamedThreads(filter, sort, tests));
      return;
    }
    let after: ThreadPlace | undefined;
    for (;;) {
      const page = { sort, tests, after, limit: wholeSlice, offset: 0 };
      const places = this.#read(selectThreadIds(filter, page));
      yield places;
      after = places.at(-1);
      if (places.length < wholeSlice) return;
      await nextTurn();
    }
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

  #read({ text, values }: Sql): readonly ThreadPlace[] {
    const rows: Record<string, SQLOutputValue>[] = this.#database.prepare(text).all(...values);
    return rows.map((row) => candidate.parse(row));
  }
}

/** Characters of a thread's or a checkpoint's payload. */
export function sizeOf(row: object): number {
  const { metadata, state_values: values, messages } = sized.parse(row);
  return metadata.length + values.length + messages.length;
}

/** Ascending; texts by their characters, as SQLite compares them. */
function comparePlaces(a: ThreadPlace, b: ThreadPlace): number {
  if (a.sort_key !== b.sort_key) return a.sort_key < b.sort_key ? -1 : 1;
  if (a.thread_id === b.thread_id) return 0;
  return a.thread_id < b.thread_id ? -1 : 1;
}

/** The first `max` rows of two sorted lists, in order. */
function mergeSorted<Row>(
  left: readonly Row[],
  right: readonly Row[],
  { compare, max }: { readonly compare: (a: Row, b: Row) => number; readonly max: number },
): readonly Row[] {
  const merged: Row[] = [];
  for (let [l, r] = [0, 0]; merged.length < max; ) {
    const [a, b] = [left[l], right[r]];
    if (a !== undefined && (b === undefined || compare(a, b) <= 0)) {
      merged.push(a);
      l += 1;
    } else if (b !== undefined) {
      merged.push(b);
      r += 1;
    } else break;
  }
  return merged;
}
