import type { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { assertNever } from '../../contract/domain/assert-never.ts';
import type { RunSummary } from '../../contract/domain/run.ts';
import type { Rows } from '../../contract/store/rows.ts';
import type { RunQuery } from '../../contract/store/store.ts';
import { decodeSummary } from '../run-rows.ts';
import { listEntries } from '../search-entries.ts';
import type { Sql } from './database.ts';
import { MergedRanges } from './merged-ranges.ts';
import { loadRow, walkSlices } from './slices.ts';
import type { Statements } from './sqlite-statements.ts';

const chunkRow = z.object({ examined: z.number(), last: z.string().nullable(), ids: z.string() });
const idList = z.array(z.string());

/** A run that matches. */
type Candidate = { readonly run_id: string; readonly matched: 1 };

const sized = z.object({ request: z.string() });
const agentRow = z.object({ agent_id: z.string() });
const ownerRow = z.object({ owner: z.string() });

/** Searches a SQLite database without holding the event loop for long. Throws SQLite's errors. */
export class RunSearch {
  readonly #database: DatabaseSync;
  readonly #statements: Statements;

  constructor(database: DatabaseSync, statements: Statements) {
    this.#database = database;
    this.#statements = statements;
  }

  find(query: RunQuery): Rows<RunSummary> {
    let walk: MergedRanges | null = null;
    return walkSlices({
      readSlice: async (_after: Candidate | undefined, size) => {
        walk ??= this.#open(query);
        const ids = await walk.next(size);
        return { places: ids.map((id) => ({ run_id: id, matched: 1 })), isEnd: walk.isEnd };
      },
      load: ({ run_id: runId }) => this.#load(query, runId),
      limit: query.limit,
      offset: query.offset,
      isIndexed: false,
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

  #open(query: RunQuery): MergedRanges {
    const { text, values } = selectChunk(query);
    const statement = this.#database.prepare(text);
    return new MergedRanges(this.#rangesOf(query), (range, before, size) => {
      const { ids, ...chunk } = chunkRow.parse(statement.get(query.tenant, range, before, size, ...values));
      return { ...chunk, ids: idList.parse(JSON.parse(ids)) };
    });
  }

  #rangesOf(query: RunQuery): readonly (string | null)[] {
    const index = indexFor(query);
    switch (index) {
      case 'thread':
        return [query.threadId ?? null];
      case 'live':
        return [null, ...this.#owners()];
      case 'ended':
      case 'agent': {
        if (query.agentId === undefined) return [...new Set(query.agentIds ?? this.#agentsOf(query.tenant))];
        return query.agentIds?.includes(query.agentId) === false ? [] : [query.agentId];
      }
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

  /** One step of the index for each agent rather than for each run. */
  *#agentsOf(tenant: string): Generator<string> {
    for (let agentId = ''; ; yield agentId) {
      const row = this.#statements.nextAgent.get(tenant, agentId);
      if (row === undefined) return;
      agentId = agentRow.parse(row).agent_id;
    }
  }
}

type Index = 'thread' | 'live' | 'ended' | 'agent';

function indexFor({ threadId, status }: RunQuery): Index {
  if (typeof threadId === 'string') return 'thread';
  switch (status) {
    case 'pending':
    case 'interrupted':
      return 'live';
    case 'success':
    case 'error':
    case 'timeout':
      return 'ended';
    case undefined:
      return 'agent';
    default:
      return assertNever(status);
  }
}

/** Each gives its runs in the order of their ids: what it reads, and the conditions of a range `?2`. */
const ranges: Readonly<Record<Index, readonly [from: string, conditions: string]>> = {
  thread: ['runs INDEXED BY runs_by_thread', 'tenant = ?1 AND thread_id = ?2'],
  live: ['runs INDEXED BY runs_live', 'ended_at_ms IS NULL AND owner IS ?2'],
  ended: ['runs INDEXED BY runs_ended', `tenant = ?1 AND agent_id = ?2 AND status IN ('success', 'error', 'timeout')`],
  agent: ['runs INDEXED BY runs_by_agent', 'tenant = ?1 AND agent_id = ?2'],
};

/**
 * Examines the next runs of one range of the index that serves a query best, and gives those that pass the rest of the query, so
 * that what does not match never leaves SQLite. Takes tenant, range, the run id to begin before and the number of rows, and
 * after these its values.
 */
export function selectChunk(query: RunQuery): Sql {
  const { agentId, agentIds, threadId, status } = query;
  const index = indexFor(query);
  const values: string[] = [];
  const bind = (value: string): string => `?${values.push(value) + 4}`;
  const tests: string[] = [];
  if (index === 'live') tests.push('runs.tenant = ?1');
  if (index === 'thread' || index === 'live') {
    if (agentId !== undefined) tests.push(`runs.agent_id = ${bind(agentId)}`);
    if (agentIds !== undefined) tests.push(`runs.agent_id IN (${agentIds.map(bind).join(', ')})`);
  }
  if (threadId === null) tests.push('runs.thread_id IS NULL');
  if (status !== undefined && index !== 'ended') tests.push(`runs.status = ${bind(status)}`);
  const entries = listEntries(query.metadata);
  if (entries.length > 0) tests.push('requests.metadata IS NOT NULL');
  // The line feeds around an entry make a text search an exact one: no entry holds a line feed.
  for (const entry of entries) tests.push(`instr(requests.metadata, ${bind(`\n${entry}\n`)}) > 0`);
  const ofStatus = index === 'ended' && status !== undefined ? ` AND status = ${bind(status)}` : '';
  // CROSS JOIN fixes the order of the join: the index yields the runs in their order.
  const [from, conditions] = ranges[index];
  const join = entries.length === 0 ? '' : ' CROSS JOIN requests ON requests.id = runs.id';
  const examined = `SELECT runs.run_id, ${tests.length === 0 ? '1' : tests.join(' AND ')} AS matched FROM ${from}${join}
    WHERE ${conditions}${ofStatus} AND runs.run_id < ?3 ORDER BY runs.run_id DESC LIMIT ?4`;
  const text = `SELECT count(*) AS examined, min(run_id) AS last, json_group_array(run_id) FILTER (WHERE matched) AS ids
    FROM (${examined})`;
  return { text, values };
}
