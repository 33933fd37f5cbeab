-- The place of an event in the order over all runs of its thread; null for runs without one, and from before. It is the
-- version that the thread got with the write, so that no number is given twice, also where runs were removed.
-- thread_id is of the same collation as threads.thread_id.
ALTER TABLE events ADD COLUMN thread_id text;
ALTER TABLE events ADD COLUMN thread_seq bigint;

CREATE INDEX events_by_thread ON events (thread_id, thread_seq) WHERE thread_id IS NOT NULL;
