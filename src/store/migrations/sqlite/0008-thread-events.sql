-- The place of an event in the order over all runs of its thread; null for runs without one, and from before. It is the
-- version that the thread got with the write, so that no number is given twice, also where runs were removed.
ALTER TABLE events ADD COLUMN thread_id TEXT;
ALTER TABLE events ADD COLUMN thread_seq INTEGER;

CREATE INDEX events_by_thread ON events (thread_id, thread_seq) WHERE thread_id IS NOT NULL;
