import { bareChanges } from '../event-rows.ts';
import { checkpointColumns, stateless, threadColumns } from '../thread-rows.ts';

// Not by `run_id <> ?` in the index: the partial index has only the live runs of the thread, which are few.
const otherLiveRun = (thread: string, runId: string): string => `EXISTS (SELECT 1 FROM runs AS other
    WHERE other.tenant = ${thread}.tenant AND other.thread_id = ${thread}.thread_id AND other.ended_at_ms IS NULL
    AND other.run_id IS NOT ${runId})`;

const stateColumns = 'metadata_entries, value_entries, metadata, state_values, messages';

/** Statements on threads, their states and checkpoints. */
export const threadTexts = {
  findThread: `SELECT ${threadColumns} FROM threads JOIN thread_states ON thread_states.id = threads.id
    WHERE threads.thread_id = ? AND threads.tenant = ?`,
  weighThread: `SELECT octet_length(thread_states.state_values) + octet_length(thread_states.messages) AS size
    FROM threads JOIN thread_states ON thread_states.id = threads.id WHERE threads.thread_id = ?`,
  weighCheckpoint: 'SELECT octet_length(state_values) + octet_length(messages) AS size FROM checkpoints WHERE id = ?',
  findThreadHead: `SELECT ${stateless(threadColumns)} FROM threads JOIN thread_states ON thread_states.id = threads.id
    WHERE threads.thread_id = ? AND threads.tenant = ?`,
  placeOfThread: 'SELECT id, tenant FROM threads WHERE thread_id = ?',
  hasLiveRun: 'SELECT 1 FROM runs WHERE tenant = ? AND thread_id = ? AND ended_at_ms IS NULL LIMIT 1',
  insertThread: `INSERT INTO threads (thread_id, tenant, name, agent_id, status, active_run_id, session, version,
    created_at_ms, updated_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (thread_id) DO NOTHING RETURNING id`,
  insertState: `INSERT INTO thread_states (id, ${stateColumns}) VALUES (?, ?, ?, ?, ?, ?)`,
  updateThread: `UPDATE threads SET status = ?4, session = ?5, updated_at_ms = ?6, version = version + 1
    WHERE thread_id = ?1 AND tenant = ?2 AND version = ?3 RETURNING id`,
  updateState: `UPDATE thread_states SET value_entries = ?2, state_values = ?3, messages = ?4 WHERE id = ?1`,
  updateMetadata: 'UPDATE thread_states SET metadata_entries = ?2, metadata = ?3 WHERE id = ?1',
  findMetadata: 'SELECT metadata FROM thread_states WHERE id = ?',
  insertCheckpoint: `INSERT INTO checkpoints (thread, ${checkpointColumns}) VALUES (?, ?, ?, ?, ?, ?, ?)`,
  // Events outlive a thread that was removed with its run: a new thread of the same id continues after them.
  joinThread: `UPDATE threads SET status = 'busy', agent_id = coalesce(agent_id, ?2), updated_at_ms = ?3,
    version = max(version, coalesce((SELECT max(thread_seq) FROM events WHERE thread_id = ?1), 0)) + max(1, ?4)
    WHERE thread_id = ?1 RETURNING id, version`,
  affectThread: `UPDATE threads SET status = CASE WHEN ?4 AND ${otherLiveRun('threads', '?3')} THEN 'busy' ELSE ?5 END,
    active_run_id = CASE WHEN ?4 AND active_run_id = ?3 THEN NULL ELSE active_run_id END,
    session = CASE WHEN ?6 THEN ?7 ELSE session END, updated_at_ms = ?8, version = version + max(1, ?9)
    WHERE thread_id = ?1 AND tenant = ?2 RETURNING id, version`,
  // SQLite rewrites the entry of every index that a SET names. Most steps of a run change nothing that threads are listed by.
  passThread: `UPDATE threads SET version = version + max(1, ?4)
    WHERE thread_id = ?1 AND tenant = ?2 AND status = ?3 RETURNING id, version`,
  leaveThread: `UPDATE threads SET status = CASE WHEN ${otherLiveRun('threads', '?3')} THEN 'busy' ELSE 'idle' END,
    active_run_id = CASE WHEN active_run_id = ?3 THEN NULL ELSE active_run_id END, version = version + 1
    WHERE thread_id = ?1 AND tenant = ?2 AND (active_run_id = ?3 OR ?4)`,
  // CROSS JOIN fixes the order of the join, whatever the statistics say: the index yields the events in their order.
  threadEvents: `SELECT runs.run_id, events.seq, events.at_ms, events.status, events.change, events.thread_seq,
      iif(events.change IN (${bareChanges}), runs.state, NULL) AS state
    FROM events CROSS JOIN runs ON runs.id = events.run
    WHERE events.thread_id = ?1 AND events.thread_seq > ?2 AND runs.tenant = ?3
      AND (?4 IS NULL OR runs.agent_id IN (SELECT value FROM json_each(?4)))
    ORDER BY events.thread_seq LIMIT ?5`,
  // The sizes of the same rows; the state itself is not read for that.
  weighThreadEvents: `SELECT octet_length(events.change)
      + iif(events.change IN (${bareChanges}), octet_length(runs.state), 0) AS size
    FROM events CROSS JOIN runs ON runs.id = events.run
    WHERE events.thread_id = ?1 AND events.thread_seq > ?2 AND runs.tenant = ?3
      AND (?4 IS NULL OR runs.agent_id IN (SELECT value FROM json_each(?4)))
    ORDER BY events.thread_seq LIMIT ?5`,
  firstLiveSeq: `SELECT min(events.thread_seq) AS first FROM runs JOIN events ON events.run = runs.id AND events.seq = 1
    WHERE runs.tenant = ?1 AND runs.thread_id = ?2 AND runs.ended_at_ms IS NULL AND events.thread_id = ?2`,
  holdsThread: `SELECT 1 FROM threads JOIN runs ON runs.run_id = threads.active_run_id
    WHERE threads.thread_id = ?1 AND threads.active_run_id = ?2 AND runs.ended_at_ms IS NULL`,
  acquireThread: `UPDATE threads SET active_run_id = ?2, version = version + 1 WHERE thread_id = ?1
    AND NOT EXISTS (SELECT 1 FROM runs WHERE run_id = threads.active_run_id AND ended_at_ms IS NULL)
    AND EXISTS (SELECT 1 FROM runs WHERE run_id = ?2 AND tenant = threads.tenant AND thread_id = ?1
      AND ended_at_ms IS NULL)
    AND NOT EXISTS (SELECT 1 FROM runs WHERE tenant = threads.tenant AND thread_id = ?1 AND ended_at_ms IS NULL
      AND (due_at_ms, run_id) < (SELECT due_at_ms, run_id FROM runs WHERE run_id = ?2))`,
  copyThread: `INSERT INTO threads (thread_id, tenant, agent_id, status, version, created_at_ms, updated_at_ms)
    SELECT ?2, tenant, agent_id, 'idle', 1, ?3, ?3 FROM threads WHERE id = ?1 RETURNING id`,
  copyState: `INSERT INTO thread_states (id, ${stateColumns}) SELECT ?2, ${stateColumns} FROM thread_states
    WHERE id = ?1`,
  copyCheckpoint: `INSERT INTO checkpoints (thread, ${checkpointColumns})
    SELECT ?2, ${checkpointColumns.replace('checkpoint_id', '?3')} FROM checkpoints WHERE id = ?1`,
  checkpointsOf: 'SELECT id FROM checkpoints WHERE thread = ? ORDER BY id',
  history: `SELECT id, 1 AS matched FROM checkpoints
    WHERE thread = (SELECT id FROM threads WHERE thread_id = ?1) AND id < ?2 ORDER BY id DESC LIMIT ?3`,
  // Each count reads one index alone.
  countCheckpoints: `WITH place AS (SELECT threads.id AS thread, CASE WHEN ?2 IS NULL THEN 9223372036854775807 ELSE
      (SELECT checkpoints.id FROM checkpoints WHERE thread = threads.id AND checkpoint_id = ?2) END AS bound
    FROM threads WHERE thread_id = ?1)
    SELECT (SELECT count(*) FROM checkpoints, place WHERE checkpoints.thread = place.thread AND checkpoints.id < bound) AS alls,
      (SELECT count(*) FROM checkpoints, place WHERE checkpoints.thread = place.thread AND run_id IS NOT NULL
        AND checkpoints.id < bound) AS runs`,
  placeOfCheckpoint: `SELECT id FROM checkpoints
    WHERE thread = (SELECT id FROM threads WHERE thread_id = ?1) AND checkpoint_id = ?2`,
  // An id is free again once its checkpoint was removed, so the thread is compared too.
  checkpointAt: `SELECT ${checkpointColumns} FROM checkpoints
    WHERE id = ?2 AND thread = (SELECT id FROM threads WHERE thread_id = ?1)`,
  checkpointHeadAt: `SELECT ${stateless(checkpointColumns)} FROM checkpoints
    WHERE id = ?2 AND thread = (SELECT id FROM threads WHERE thread_id = ?1)`,
  checkpointById: `SELECT ${checkpointColumns} FROM checkpoints
    WHERE thread = (SELECT id FROM threads WHERE thread_id = ?) AND checkpoint_id = ?`,
  checkpointByRun: `SELECT ${checkpointColumns} FROM checkpoints
    WHERE thread = (SELECT id FROM threads WHERE thread_id = ?) AND run_id = ? ORDER BY id DESC LIMIT 1`,
  removeThread: 'DELETE FROM threads WHERE id = ?',
  removeState: 'DELETE FROM thread_states WHERE id = ?',
  removeCheckpoints: 'DELETE FROM checkpoints WHERE thread = ?',
  runsOf: 'SELECT run_id FROM runs WHERE tenant = ? AND thread_id = ?',
  removeRequestsOf: 'DELETE FROM requests WHERE id IN (SELECT id FROM runs WHERE tenant = ? AND thread_id = ?)',
  removeEventsOf: 'DELETE FROM events WHERE run IN (SELECT id FROM runs WHERE tenant = ? AND thread_id = ?)',
  uncountRunsOf: `DELETE FROM counted_runs
    WHERE run_id IN (SELECT run_id FROM runs WHERE tenant = ? AND thread_id = ?)`,
  removeRunsOf: 'DELETE FROM runs WHERE tenant = ? AND thread_id = ?',
} as const;
