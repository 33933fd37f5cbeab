import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { z } from 'zod';
import type { Run } from '../../contract/run.ts';
import type { RunQuery } from '../../contract/store.ts';
import { listEntries } from '../metadata.ts';
import { decodeRun, runColumns } from '../rows.ts';
import { type Sql, selectRunIds } from '../search.ts';
import type { Statements } from './statements.ts';

/** Metadata has no index: so many runs are looked at before other work gets its turn, a few milliseconds' worth. */
const sliceSize = 2000;

const candidate = z.object({ run_id: z.string(), matched: z.number() });

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
    return entries.length === 0 ? this.#findPage(query) : await this.#findByMetadata(query, entries);
  }

  #findPage(query: RunQuery): readonly Run[] {
    const ids = selectRunIds(query, query);
    const page = `SELECT ${runColumns} FROM (${ids.text}) AS page JOIN runs ON runs.run_id = page.run_id
      JOIN requests ON requests.id = runs.id ORDER BY runs.run_id DESC`;
    return this.#all({ text: page, values: ids.values }).map(decodeRun);
  }

  async #findByMetadata(query: RunQuery, entries: readonly string[]): Promise<readonly Run[]> {
    const found: Run[] = [];
    let toSkip = query.offset;
    let beforeRunId: string | undefined;
    for (;;) {
      const slice = this.#readSlice(query, entries, beforeRunId);
      for (const { run_id: runId, matched } of slice) {
        if (matched === 0) continue;
        if (toSkip > 0) {
          toSkip--;
          continue;
        }
        const row = this.#statements.find.get(runId, query.tenant);
        if (row !== undefined) found.push(decodeRun(row));
        if (found.length === query.limit) return found;
      }
      if (slice.length < sliceSize) return found;
      beforeRunId = slice.at(-1)?.run_id;
      await nextTurn();
    }
  }

  #readSlice(query: RunQuery, entries: readonly string[], beforeRunId: string | undefined) {
    const ids = selectRunIds(query, { limit: sliceSize, offset: 0, ...(beforeRunId && { beforeRunId }) });
    const values = [...ids.values];
    // The line feeds around an entry make a text search an exact one: no entry holds a line feed.
    const tests = entries.map((entry) => `instr(requests.metadata, $${values.push(`\n${entry}\n`)}) > 0`);
    const text = `SELECT page.run_id, requests.metadata IS NOT NULL AND ${tests.join(' AND ')} AS matched
      FROM (${ids.text}) AS page JOIN runs ON runs.run_id = page.run_id
      JOIN requests ON requests.id = runs.id ORDER BY page.run_id DESC`;
    return this.#all({ text, values }).map((row) => candidate.parse(row));
  }

  #all({ text, values }: Sql): Record<string, SQLOutputValue>[] {
    // SQLite spells a numbered parameter with a question mark.
    return this.#database.prepare(text.replaceAll(/\$(\d+)/g, '?$1')).all(...values);
  }
}
