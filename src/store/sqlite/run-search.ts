import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import { z } from 'zod';
import type { Run } from '../../contract/domain/run.ts';
import type { RunQuery } from '../../contract/store/store.ts';
import { decodeRun, runColumns } from '../run-rows.ts';
import { type Sql, selectRunIds } from '../run-selection.ts';
import { listEntries } from '../search-entries.ts';
import { walkSlices } from './slices.ts';
import type { Statements } from './sqlite-statements.ts';

const candidate = z.object({ run_id: z.string(), matched: z.number() });
type Candidate = z.infer<typeof candidate>;

/** Searches a SQLite database without holding the event loop for long. Throws SQLite's errors. */
export class RunSearch {
  readonly #database: DatabaseSync;
  readonly #statements: Statements;

  constructor(database: DatabaseSync, statements: Statements) {
    this.#database = database;
    this.#statements = statements;
  }

  async find(query: RunQuery): Promise<readonly Run[]> {
    const entries = listEntries(query.metadata);
    const indexed = entries.length === 0 && query.threadId !== null;
    return indexed ? this.#findPage(query) : await this.#findBySlices(query, entries);
  }

  #findPage(query: RunQuery): readonly Run[] {
    const ids = selectRunIds(query, query);
    const page = `SELECT ${runColumns} FROM (${ids.text}) AS page JOIN runs ON runs.run_id = page.run_id
      JOIN requests ON requests.id = runs.id ORDER BY runs.run_id DESC`;
    return this.#all({ text: page, values: ids.values }).map(decodeRun);
  }

  async #findBySlices(query: RunQuery, entries: readonly string[]): Promise<readonly Run[]> {
    return await walkSlices({
      readSlice: (after: Candidate | undefined, size) => this.#readSlice(query, entries, after?.run_id, size),
      load: ({ run_id: runId }) => {
        const row = this.#statements.find.get(runId, query.tenant);
        return row === undefined ? null : decodeRun(row);
      },
      limit: query.limit,
      offset: query.offset,
    });
  }

  #readSlice(query: RunQuery, entries: readonly string[], beforeRunId: string | undefined, limit: number) {
    const threadId = query.threadId ?? undefined;
    const ids = selectRunIds({ ...query, threadId }, { limit, offset: 0, beforeRunId });
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
