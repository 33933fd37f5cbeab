import { bareChanges } from '../event-rows.ts';
import * as rows from '../thread-rows.ts';
import {
  cutIntoPieces,
  eventPayloads,
  type PayloadSelect,
  takeColumns,
  takeFitting,
  withholdLarge,
} from './large-rows.ts';
import { checkpointColumns, formStates, keepCheckpoints, threadColumns } from './thread-run-statements.ts';
import { defineWrite } from './write-statement.ts';

export const insertThreads = defineWrite(
  'insert threads',
  { creation: threadColumns },
  ({ creation }) => `WITH creation AS MATERIALIZED (SELECT * FROM ${creation}
  ), made AS (
    INSERT INTO threads (thread_id, tenant, name, agent_id, status, active_run_id, session, version, created_at_ms,
      updated_at_ms)
    SELECT thread_id, tenant, name, agent_id, status, active_run_id, session, version, created_at_ms, updated_at_ms
    FROM creation ORDER BY thread_id ON CONFLICT (thread_id) DO NOTHING RETURNING thread_id
  ), ${formStates('made')}
  SELECT thread_id FROM made`,
);

export const updateThreads = defineWrite(
  'update threads',
  {
    input: `thread_id text, tenant text, expected_version bigint, status text, session text, updated_at_ms bigint,
      metadata_entries text, value_entries text, metadata text, state_values text, messages text`,
    given: checkpointColumns,
  },
  ({ input, given }) => `WITH input AS MATERIALIZED (SELECT * FROM ${input}
  ), given AS MATERIALIZED (SELECT * FROM ${given}
  ), changed AS (
    UPDATE threads SET status = input.status, session = input.session, updated_at_ms = input.updated_at_ms,
      version = threads.version + 1
    FROM input WHERE threads.thread_id = input.thread_id AND threads.tenant = input.tenant
      AND threads.version = input.expected_version
    RETURNING threads.thread_id
  ), renewed AS (
    UPDATE thread_states SET metadata_entries = string_to_array(input.metadata_entries, E'\\n'),
      value_entries = string_to_array(input.value_entries, E'\\n'), metadata = input.metadata,
      state_values = input.state_values, messages = input.messages
    FROM input JOIN changed ON changed.thread_id = input.thread_id WHERE thread_states.thread_id = input.thread_id
  ), ${keepCheckpoints('changed')}
  SELECT thread_id FROM changed`,
);

export const statePayloads = ['state_values', 'messages'] as const;

const thread: PayloadSelect = {
  select: `SELECT ${rows.threadColumns} FROM threads JOIN thread_states USING (thread_id)
    WHERE threads.thread_id = $1 AND tenant = $2`,
  heads: takeColumns(rows.threadColumns, statePayloads),
  payloads: statePayloads,
};

export const wholeThread = thread.select;

function selectCheckpoint(rest: string): PayloadSelect {
  return {
    select: `SELECT ${rows.checkpointColumns} FROM checkpoints WHERE thread_id = $1 ${rest}`,
    heads: takeColumns(rows.checkpointColumns, statePayloads),
    payloads: statePayloads,
  };
}
const checkpointById = selectCheckpoint('AND checkpoint_id = $2');
const checkpointByRun = selectCheckpoint('AND run_id = $2 ORDER BY position DESC LIMIT 1');

const threadEvents: PayloadSelect = {
  select: `SELECT run_id, seq, at_ms, events.status, change, thread_seq,
      CASE WHEN change IN (${bareChanges}) THEN runs.state END AS state FROM events JOIN runs USING (run_id)
    WHERE events.thread_id = $1 AND thread_seq > $2 AND runs.tenant = $3
      AND ($4::text[] IS NULL OR runs.agent_id = ANY ($4)) ORDER BY thread_seq LIMIT $5`,
  heads: ['run_id', 'seq', 'at_ms', 'status', 'thread_seq'],
  payloads: eventPayloads,
};

/** Large rows, which come in pieces. */
export const piecedLookups = {
  findThread: cutIntoPieces(thread),
  checkpointById: cutIntoPieces(checkpointById),
  checkpointByRun: cutIntoPieces(checkpointByRun),
  threadEvents: cutIntoPieces(threadEvents),
} as const;

/** Lookups by key. */
export const threadLookups = {
  findThread: withholdLarge(thread, 'row'),
  findThreadHead: `SELECT ${rows.stateless(rows.threadColumns)} FROM threads JOIN thread_states USING (thread_id)
    WHERE threads.thread_id = $1 AND tenant = $2`,
  findMetadata: `SELECT metadata FROM thread_states JOIN threads USING (thread_id)
    WHERE threads.thread_id = $1 AND tenant = $2`,
  checkpointById: withholdLarge(checkpointById, 'row'),
  threadEvents: takeFitting(threadEvents, 'thread_seq'),
  firstLiveSeq: `SELECT min(thread_seq) AS first FROM runs JOIN events USING (run_id) WHERE runs.tenant = $1
    AND runs.thread_id = $2 AND runs.ended_at_ms IS NULL AND events.thread_id = $2 AND seq = 1`,
  countCheckpoints: `WITH place AS (SELECT CASE WHEN $2::text IS NULL THEN 9223372036854775807 ELSE
      (SELECT position FROM checkpoints WHERE thread_id = $1 AND checkpoint_id = $2) END AS bound)
    SELECT count(*)::float8 AS alls, count(run_id)::float8 AS runs FROM checkpoints, place
    WHERE thread_id = $1 AND position < bound`,
  checkpointByRun: withholdLarge(checkpointByRun, 'row'),
} as const;

export const listPositions = `SELECT position FROM checkpoints JOIN threads USING (thread_id)
  WHERE thread_id = $1 AND tenant = $2 ORDER BY position`;

/** Takes the source's id and tenant, the new thread's id and instant, and a new id for each position. */
export const copyThread = `WITH made AS (
    INSERT INTO threads (thread_id, tenant, agent_id, status, version, created_at_ms, updated_at_ms)
    SELECT $3, tenant, agent_id, 'idle', 1, $4, $4 FROM threads WHERE thread_id = $1 AND tenant = $2
    RETURNING thread_id
  ), formed AS (
    INSERT INTO thread_states (thread_id, metadata_entries, value_entries, metadata, state_values, messages)
    SELECT made.thread_id, metadata_entries, value_entries, metadata, state_values, messages
    FROM thread_states CROSS JOIN made WHERE thread_states.thread_id = $1
  )
  INSERT INTO checkpoints (thread_id, ${rows.checkpointColumns})
  SELECT made.thread_id, ${rows.checkpointColumns.replace('checkpoint_id', 'copies.checkpoint_id')}
  FROM unnest($5::bigint[], $6::text[]) AS copies (position, checkpoint_id)
    JOIN checkpoints ON checkpoints.thread_id = $1 AND checkpoints.position = copies.position CROSS JOIN made
  ORDER BY copies.position`;
