import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import { z } from 'zod';
import type { RunSummary } from '../../contract/domain/run.ts';
import type { Rows } from '../../contract/store/rows.ts';
import type { RunQuery } from '../../contract/store/store.ts';
import { decodeSummary } from '../run-rows.ts';
import { type Sql, selectRunIds } from '../run-selection.ts';
import { listEntries } from '../search-entries.ts';
import { loadRow, walkSlices } from './slices.ts';
import type { Statements } from './sqlite-statements.ts';

const candidate = z.object({ run_id: z.string(), matched: z.number() });
type Candidate = z.infer<typeof candidate>;

const sized = z.object({ request: z.string() });

/** Searches a SQLite database without holding the event loop for long. Throws SQLite's errors. */
export class RunSearch {
  readonly #database: DatabaseSync;
  readonly #statements: Statements;

  constructor(database: DatabaseSync, statements: Statements) {
    this.#database = database;
    this.#statements = statements;
  }

  find(query: RunQuery): Rows<RunSummary> {
    const entries = listEntries(query.metadata);
    return walkSlices({
      readSlice: (after: Candidate | undefined, limit, offset) =>
        this.#readSlice(query, entries, { limit, offset, beforeRunId: after?.run_id }),
      load: ({ run_id: runId }) => this.#load(query, runId),
      limit: query.limit,
      offset: query.offset,
      isIndexed: entries.length === 0 && query.threadId !== null,
    });
  }

  #load({ tenant, omitInput = false }: RunQuery, runId: string) {
    const { findSummary, weighRequest } = this.#statements;
    return loadRow<RunSummary>({
      weight: weighRequest.get(runId),
      find: () => findSummary.get(runId, tenant),
      decode: (row) => decodeSummary(row, omitInput),
      sizeOf: (row) => sized.parse(row).request.length,
    });
  }

  #readSlice(query: RunQuery, entries: readonly string[], page: Parameters<typeof selectRunIds>[1]) {
    const threadId = query.threadId ?? undefined;
    const ids = selectRunIds({ ...query, threadId }, page);
    if (entries.length === 0 && query.threadId !== null) {
      return this.#all(ids).map((row) => candidate.parse({ ...row, matched: 1 }));
    }
    const values = [...ids.values];
    // The line feeds around an entry make a text search an exact one: no entry holds a line feed.
    const tests = entries.map((entry) => `instr(requests.metadata, $${values.push(`\n${entry}\n`)}) > 0`);
    if (entries.length > 0) tests.unshift('requests.metadata IS NOT NULL');
    if (query.threadId === null) tests.push('runs.thread_id IS NULL');
    const text = `SELECT page.run_id, ${tests.join(' AND ')} AS matched
      FROM (${ids.text}) AS page JOIN runs ON runs.run_id = page.run_id
      JOIN requests ON requests.id = runs.id ORDER BY page.run_id DESC`;
    return this.#all({ text, values }).map((row) => candidate.parse(row));
  }

  #all({ text, values }: Sql): Record<string, SQLOutputValue>[] {
    // SQLite writes a numbered parameter with a question mark.
    return this.#database.prepare(text.replaceAll(/\$(\d+)/g, '?$1')).all(...values);
  }
}
