import type { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { Pacer } from '../../compute/turns.ts';
import { assertNever } from '../../contract/domain/assert-never.ts';
import type { RunSummary } from '../../contract/domain/run.ts';
import type { Rows } from '../../contract/store/rows.ts';
import type { RunConditions, RunQuery } from '../../contract/store/store.ts';
import { endedStatuses, liveStatuses, statusesOf } from '../run-conditions.ts';
import { decodeSummary } from '../run-rows.ts';
import { ChangedRuns } from './changed-runs.ts';
import { MergedRanges, type ReadChunk } from './merged-ranges.ts';
import {
  type ChunkStatement,
  countChunk,
  formatPlace,
  indexFor,
  indexForCount,
  type RunIndex,
  rangeOf,
  readPlace,
  selectChanged,
  selectChunk,
  selectPlaces,
  startOf,
} from './run-selection.ts';
import { loadRow, walkSlices } from './slices.ts';
import type { Statements } from './sqlite-statements.ts';

const chunkRow = z.object({ examined: z.number(), last: z.string().nullable(), ids: z.string() });
const countRow = z.object({ examined: z.number(), last: z.string().nullable(), found: z.number() });
const idList = z.array(z.string());

/** A run that matches; `atMs` where the list is ordered by the last change. */
type Candidate = { readonly run_id: string; readonly atMs?: number; readonly matched: 1 };

const sized = z.object({ request: z.string() });
const agentRow = z.object({ agent_id: z.string() });
const ownerRow = z.object({ owner: z.string() });

/** Rows that are counted at once: less than a millisecond, where an index has all that is compared. */
const countedAtOnce = 2000;

/** Searches a SQLite database without holding the event loop for long. Throws SQLite's errors. */
export class RunSearch {
  readonly #database: DatabaseSync;
  readonly #statements: Statements;

  constructor(database: DatabaseSync, statements: Statements) {
    this.#database = database;
    this.#statements = statements;
  }

  find(query: RunQuery): Rows<RunSummary> {
    const byChange = query.order === 'updated';
    let walk: MergedRanges | ChangedRuns | null = null;
    return walkSlices({
      readSlice: async (_after: Candidate | undefined, size) => {
        walk ??= byChange ? this.#openChanged(query) : this.#open(query);
        const found = await walk.next(size);
        const places = found.map((place): Candidate => {
          if (!byChange) return { run_id: place, matched: 1 };
          const { runId, atMs } = readPlace(place);
          return { run_id: runId, atMs, matched: 1 };
        });
        return { places, isEnd: walk.isEnd };
      },
      load: (candidate) => this.#load(query, candidate),
      limit: query.limit,
      offset: query.offset,
      isIndexed: false,
    });
  }

  /** All are examined, slice by slice. */
  async count(conditions: RunConditions): Promise<number> {
    const { text, values } = countChunk(conditions);
    const statement = this.#database.prepare(text);
    const pacer = new Pacer();
    let count = 0;
    const index = indexForCount(conditions);
    for (const range of this.#rangesOf(index, conditions)) {
      for (let before: string | null = startOf(index); before !== null; ) {
        const row = countRow.parse(statement.get(...values(range, before, countedAtOnce)));
        count += row.found;
        before = row.examined < countedAtOnce ? null : row.last;
        const pause = pacer.pause();
        if (pause !== undefined) await pause;
      }
    }
    return count;
  }

  #load({ tenant, omitInput = false }: RunQuery, { run_id: runId, atMs }: Candidate) {
    const { findSummary, weighRequest } = this.#statements;
    return loadRow<RunSummary>({
      weight: weighRequest.get(runId),
      find: () => findSummary.get(runId, tenant),
      decode: (row) => decodeSummary(atMs === undefined ? row : { ...row, updated_at_ms: atMs }, omitInput),
      sizeOf: (row) => sized.parse(row).request.length,
    });
  }

  #open(query: RunQuery): MergedRanges {
    const ranges = this.#rangesOf(indexFor(query), query);
    return new MergedRanges(ranges, this.#reader(selectChunk(query)), query.after?.runId);
  }

  #openChanged(query: RunQuery): ChangedRuns {
    const { after, limit, offset } = query;
    const start = after === undefined ? startOf('changed') : formatPlace(after.atMs, after.runId);
    const statuses = statusesOf(query);
    const isOfThread = typeof query.threadId === 'string';
    const scanned = isOfThread ? 'thread' : statuses.some((each) => liveStatuses.includes(each)) ? 'live' : null;
    const ended = isOfThread ? [] : this.#rangesOf('changed', query);
    return new ChangedRuns({
      ended: new MergedRanges(ended, this.#reader(selectChanged(query)), start),
      scan:
        scanned === null
          ? null
          : { ranges: [...this.#rangesOf(scanned, query)], read: this.#reader(selectPlaces(scanned, query)) },
      start,
      max: limit + offset,
    });
  }

  #reader({ text, values }: ChunkStatement): ReadChunk {
    const statement = this.#database.prepare(text);
    return (range, before, size) => {
      const { ids, ...chunk } = chunkRow.parse(statement.get(...values(range, before, size)));
      return { ...chunk, ids: idList.parse(JSON.parse(ids)) };
    };
  }

  #rangesOf(index: RunIndex, conditions: RunConditions): readonly (string | null)[] {
    switch (index) {
      case 'thread':
        return [conditions.threadId ?? null];
      case 'live':
        return [null, ...this.#owners()];
      case 'failed':
      case 'changed': {
        const statuses = statusesOf(conditions).filter((status) => endedStatuses.includes(status));
        return this.#agentsOf(conditions).flatMap((agentId) => statuses.map((status) => rangeOf(status, agentId)));
      }
      case 'agent':
        return this.#agentsOf(conditions);
      default:
        return assertNever(index);
    }
  }

  *#owners(): Generator<string> {
    for (let owner = ''; ; yield owner) {
      const row = this.#statements.nextOwner.get(owner);
      if (row === undefined) return;
      owner = ownerRow.parse(row).owner;
    }
  }

  #agentsOf({ tenant, agentId, agentIds }: RunConditions): readonly string[] {
    if (agentId === undefined) return [...new Set(agentIds ?? this.#allAgentsOf(tenant))];
    return agentIds?.includes(agentId) === false ? [] : [agentId];
  }

  /** One step of the index for each agent rather than for each run. */
  *#allAgentsOf(tenant: string): Generator<string> {
    for (let agentId = ''; ; yield agentId) {
      const row = this.#statements.nextAgent.get(tenant, agentId);
      if (row === undefined) return;
      agentId = agentRow.parse(row).agent_id;
    }
  }
}
