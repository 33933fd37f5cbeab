import { countNotified, notify } from './notifications.ts';
import { keepRuns, owedColumns } from './postgres-outbox-statements.ts';
import {
  changeRuns,
  eventColumns,
  forgetUpstreams,
  insertColumns,
  rewriteColumns,
  storeRuns,
  updateColumns,
} from './run-statements.ts';
import { defineWrite } from './write-statement.ts';

// Writes that touch a run and its thread. A statement before each of them locks the threads (`lockThreads`): a statement
// does not see what was committed while it waited for a row itself.

/** Any number that no other program takes for locks of its own in the same database. */
const lockSpace = 72_405_193;

const lock = (source: string): string => `SELECT pg_advisory_xact_lock(${lockSpace}, lock)
  FROM (SELECT DISTINCT hashtext(thread_id) AS lock FROM ${source} ORDER BY lock) AS locks`;

/**
 * Locks threads until the end of the transaction, whether they exist or not. Always in the same order, so that two
 * transactions do not wait for each other.
 */
export const lockThreads = lock('unnest($1::text[]) AS named (thread_id)');

/** Locks the threads of runs. */
export const lockThreadsOfRuns = lock('runs WHERE run_id = ANY ($1::text[]) AND thread_id IS NOT NULL');

export const threadColumns = `thread_id text, tenant text, name text, agent_id text, status text, active_run_id text, session text,
  version bigint, created_at_ms bigint, updated_at_ms bigint, metadata_entries text, value_entries text, metadata text,
  state_values text, messages text`;
export const checkpointColumns = `thread_id text, checkpoint_id text, run_id text, at_ms bigint, metadata text,
  state_values text, value_entries text, messages text`;

const liveRun = (except: string): string => `EXISTS (SELECT 1 FROM runs AS other WHERE other.tenant = threads.tenant
  AND other.thread_id = threads.thread_id AND other.ended_at_ms IS NULL AND ${except})`;

/** A common table expression that writes the states of `creation` whose thread is in `source`. */
export const formStates = (source: string): string => `formed AS (
    INSERT INTO thread_states (thread_id, metadata_entries, value_entries, metadata, state_values, messages)
    SELECT thread_id, string_to_array(metadata_entries, E'\\n'), string_to_array(value_entries, E'\\n'), metadata,
      state_values, messages
    FROM creation JOIN ${source} USING (thread_id)
  )`;

/** A common table expression that adds the checkpoints of `given` whose thread is in `source` to its history. */
export const keepCheckpoints = (source: string): string => `kept AS (
    INSERT INTO checkpoints (thread_id, checkpoint_id, run_id, at_ms, metadata, state_values, messages)
    SELECT given.thread_id, given.checkpoint_id, given.run_id, given.at_ms, given.metadata, given.state_values,
      given.messages
    FROM given JOIN ${source} AS source ON source.thread_id = given.thread_id
  )`;

/** How many numbers a write takes in its thread. */
const taken = (event: string, run: string): string =>
  `greatest(1, (SELECT count(*) FROM ${event} WHERE event.run_id = ${run}.run_id))`;
const rank = 'row_number() OVER (PARTITION BY event.run_id ORDER BY event.seq)';

export const insertInThreads = defineWrite(
  'insert in threads',
  {
    input: `${insertColumns}, refuse_busy boolean, base_metadata text, new_metadata text, new_entries text`,
    event: eventColumns,
    creation: threadColumns,
  },
  // Events outlive a thread that was removed with its run: a new thread of the same id continues after them.
  ({ input, event, creation }) => `WITH input AS MATERIALIZED (SELECT * FROM ${input}
  ), creation AS MATERIALIZED (SELECT * FROM ${creation}
  ), verdicts AS MATERIALIZED (
    SELECT input.run_id, threads.thread_id IS NULL AS is_new, greatest(
      coalesce(threads.version, (SELECT version FROM creation WHERE creation.thread_id = input.thread_id LIMIT 1)),
      (SELECT max(thread_seq) FROM events WHERE events.thread_id = input.thread_id)) AS base, CASE
      WHEN threads.thread_id IS NULL AND input.thread_id NOT IN (SELECT thread_id FROM creation) THEN 'thread-missing'
      WHEN threads.tenant <> input.tenant THEN 'thread-missing'
      WHEN input.refuse_busy AND EXISTS (SELECT 1 FROM runs WHERE runs.tenant = input.tenant
        AND runs.thread_id = input.thread_id AND runs.ended_at_ms IS NULL) THEN 'thread-busy'
      WHEN input.new_metadata IS NOT NULL AND threads.thread_id IS NOT NULL AND (SELECT thread_states.metadata
        FROM thread_states WHERE thread_states.thread_id = input.thread_id) IS DISTINCT FROM input.base_metadata
        THEN 'thread-changed'
      ELSE 'inserted' END AS verdict
    FROM input LEFT JOIN threads ON threads.thread_id = input.thread_id
  ), admitted AS MATERIALIZED (
    SELECT input.* FROM input JOIN verdicts USING (run_id) WHERE verdict = 'inserted'
  ), ${storeRuns('admitted', event, {
    columns: `stored.thread_id, verdicts.base + ${rank}`,
    join: 'JOIN verdicts USING (run_id)',
  })}, made AS (
    INSERT INTO threads (thread_id, tenant, name, agent_id, status, active_run_id, session, version, created_at_ms,
      updated_at_ms)
    SELECT creation.thread_id, creation.tenant, creation.name, coalesce(creation.agent_id, stored.agent_id), 'busy',
      creation.active_run_id, creation.session, verdicts.base + ${taken(event, 'stored')}, creation.created_at_ms,
      stored.updated_at_ms
    FROM creation JOIN stored ON stored.thread_id = creation.thread_id JOIN verdicts USING (run_id) WHERE is_new
    RETURNING thread_id
  ), ${formStates('made')}, joined AS (
    UPDATE threads SET status = 'busy', agent_id = coalesce(threads.agent_id, stored.agent_id),
      updated_at_ms = stored.updated_at_ms,
      version = greatest(threads.version, verdicts.base) + ${taken(event, 'stored')}
    FROM stored JOIN verdicts USING (run_id) WHERE threads.thread_id = stored.thread_id
  ), noted AS (
    UPDATE thread_states SET metadata = admitted.new_metadata,
      metadata_entries = string_to_array(admitted.new_entries, E'\\n')
    FROM admitted JOIN stored USING (run_id) JOIN verdicts USING (run_id)
    WHERE thread_states.thread_id = admitted.thread_id AND admitted.new_metadata IS NOT NULL AND NOT is_new
  )
  SELECT run_id, CASE WHEN verdict = 'inserted' AND run_id NOT IN (SELECT run_id FROM stored) THEN 'key-used'
    ELSE verdict END AS verdict FROM verdicts`,
);

/** Whether a run's end removes its thread. */
const isDoomed = `input.remove AND NOT ${liveRun('other.run_id <> input.run_id')}`;

/** Whether a write changes nothing that threads are listed by: then its row stays in its page, and the indexes as they are. */
const isStep = `NOT input.release AND NOT input.sets_session AND threads.status = input.thread_status
        AND input.thread_id NOT IN (SELECT thread_id FROM given)`;

const updateTables = {
  input: `${updateColumns}, thread_id text, thread_status text, release boolean, remove boolean,
    sets_session boolean, session text`,
  event: eventColumns,
  rewrite: rewriteColumns,
  owed: owedColumns,
  given: checkpointColumns,
};

type UpdateTables = Readonly<Record<keyof typeof updateTables, string>>;

const changeInThreads = ({
  input,
  event,
  rewrite,
  owed,
  given,
}: UpdateTables): string => `WITH input AS MATERIALIZED (SELECT * FROM ${input}
  ), given AS MATERIALIZED (SELECT * FROM ${given}
  ), places AS MATERIALIZED (
    SELECT input.run_id, threads.thread_id, threads.version AS base
    FROM input JOIN threads ON threads.thread_id = input.thread_id AND threads.tenant = input.tenant
  ), ${changeRuns(
    { event, rewrite, owed },
    {
      columns: `places.thread_id, places.base + ${rank}`,
      join: 'LEFT JOIN places USING (run_id)',
    },
  )}, doomed AS (
    DELETE FROM threads USING input JOIN changed USING (run_id)
    WHERE threads.thread_id = input.thread_id AND threads.tenant = input.tenant AND ${isDoomed}
    RETURNING threads.thread_id
  ), emptied AS (DELETE FROM thread_states USING doomed WHERE thread_states.thread_id = doomed.thread_id
  ), unkept AS (DELETE FROM checkpoints USING doomed WHERE checkpoints.thread_id = doomed.thread_id
  ), affected AS (
    UPDATE threads SET
      status = CASE WHEN input.release AND ${liveRun('other.run_id <> input.run_id')} THEN 'busy'
        ELSE input.thread_status END,
      active_run_id = CASE WHEN input.release AND threads.active_run_id = input.run_id THEN NULL
        ELSE threads.active_run_id END,
      session = CASE WHEN input.sets_session THEN input.session ELSE threads.session END,
      updated_at_ms = CASE WHEN ${isStep} THEN threads.updated_at_ms ELSE input.updated_at_ms END,
      version = threads.version + ${taken(event, 'input')}
    FROM input JOIN changed USING (run_id)
    WHERE threads.thread_id = input.thread_id AND threads.tenant = input.tenant AND NOT (${isDoomed})
    RETURNING threads.thread_id
  ), renewed AS (
    UPDATE thread_states SET value_entries = string_to_array(given.value_entries, E'\\n'),
      state_values = given.state_values, messages = given.messages
    FROM given JOIN affected ON affected.thread_id = given.thread_id WHERE thread_states.thread_id = given.thread_id
  ), ${keepCheckpoints('affected')}`;

/** Updates by the loops of this process; what they changed is announced after the commit. */
export const updateInThreads = defineWrite(
  'update in threads',
  updateTables,
  (given) => `${changeInThreads(given)}
  SELECT run_id FROM changed`,
);

/** Updates of runs that may belong to another replica, which must hear of them: notified with the commit. */
export const updateForeignInThreads = defineWrite(
  'update foreign in threads',
  updateTables,
  (given, origin) => `${changeInThreads(given)}, ${notify({ runs: 'changed', threads: 'places' }, origin)}
  SELECT run_id, ${countNotified} FROM changed`,
);

export const removeRuns = defineWrite(
  'remove',
  { input: 'run_id text, tenant text, expected_version bigint' },
  ({ input }, origin) => `WITH gone AS (
    DELETE FROM runs USING ${input} WHERE runs.run_id = input.run_id AND runs.tenant = input.tenant
      AND runs.version = input.expected_version
    RETURNING runs.run_id, runs.tenant, runs.thread_id, runs.ended_at_ms, runs.upstream_key
  ), ${forgetUpstreams}, unasked AS (DELETE FROM requests USING gone WHERE requests.run_id = gone.run_id
  ), forgotten AS (DELETE FROM events USING gone WHERE events.run_id = gone.run_id
  ), ${keepRuns}, uncounted AS (DELETE FROM counted_runs USING gone WHERE counted_runs.run_id = gone.run_id
  ), deserted AS (
    SELECT tenant, thread_id, bool_or(ended_at_ms IS NULL) AS was_live, array_agg(run_id) AS run_ids
    FROM gone WHERE thread_id IS NOT NULL GROUP BY tenant, thread_id
  ), relieved AS (
    UPDATE threads SET
      status = CASE WHEN ${liveRun('other.run_id <> ALL (run_ids)')} THEN 'busy' ELSE 'idle' END,
      active_run_id = CASE WHEN active_run_id = ANY (run_ids) THEN NULL ELSE active_run_id END, version = version + 1
    FROM deserted WHERE threads.thread_id = deserted.thread_id AND threads.tenant = deserted.tenant
      AND (was_live OR active_run_id = ANY (run_ids))
  ), ${notify({ runs: 'gone' }, origin)}
  SELECT run_id, ${countNotified} FROM gone`,
);

export const acquireThreads = defineWrite(
  'acquire threads',
  { input: 'thread_id text, run_id text' },
  ({ input }) => `WITH asking AS MATERIALIZED (
    SELECT input.thread_id AS wanted, runs.run_id, runs.tenant, runs.thread_id FROM ${input}
      JOIN runs ON runs.run_id = input.run_id WHERE runs.ended_at_ms IS NULL
  ), held AS (
    SELECT asking.run_id FROM asking JOIN threads ON threads.thread_id = asking.wanted
    WHERE threads.active_run_id = asking.run_id
  ), taken AS (
    UPDATE threads SET active_run_id = asking.run_id, version = version + 1 FROM asking
    WHERE threads.thread_id = asking.wanted AND threads.thread_id = asking.thread_id AND threads.tenant = asking.tenant
      AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.run_id = threads.active_run_id AND ended_at_ms IS NULL)
      AND asking.run_id = (SELECT first.run_id FROM runs AS first WHERE first.tenant = threads.tenant
        AND first.thread_id = threads.thread_id AND first.ended_at_ms IS NULL
        ORDER BY first.due_at_ms, first.run_id LIMIT 1)
    RETURNING asking.run_id
  )
  SELECT run_id FROM held UNION ALL SELECT run_id FROM taken`,
);

export const removeThread = `WITH target AS (SELECT thread_id, tenant FROM threads WHERE thread_id = $1 AND tenant = $2
  ), busy AS (
    SELECT 1 FROM target AS threads WHERE ${liveRun('true')}
  ), doomed AS MATERIALIZED (SELECT thread_id, tenant FROM target WHERE NOT EXISTS (SELECT 1 FROM busy)
  ), removed AS (DELETE FROM threads USING doomed WHERE threads.thread_id = doomed.thread_id
  ), emptied AS (DELETE FROM thread_states USING doomed WHERE thread_states.thread_id = doomed.thread_id
  ), unkept AS (DELETE FROM checkpoints USING doomed WHERE checkpoints.thread_id = doomed.thread_id
  ), gone AS (
    DELETE FROM runs USING doomed WHERE runs.tenant = doomed.tenant AND runs.thread_id = doomed.thread_id AND NOT $3
    RETURNING runs.run_id, runs.upstream_key
  ), ${forgetUpstreams}, unasked AS (DELETE FROM requests USING gone WHERE requests.run_id = gone.run_id
  ), forgotten AS (DELETE FROM events USING gone WHERE events.run_id = gone.run_id
  ), ${keepRuns}, uncounted AS (DELETE FROM counted_runs USING gone WHERE counted_runs.run_id = gone.run_id
  ), ${notify({ runs: 'gone', threads: 'doomed' }, '$4::text')}
  SELECT CASE WHEN EXISTS (SELECT 1 FROM doomed) THEN 'removed' WHEN EXISTS (SELECT 1 FROM target) THEN 'busy'
    ELSE 'missing' END AS removal, ${countNotified}`;
