-- Which events a run tells by itself and have no row: 1 its creation, 2 its start, 4 its end. Runs from before this column
-- have a row for each event, and nothing of them is rewritten.
ALTER TABLE runs ADD COLUMN implied INTEGER NOT NULL DEFAULT 0;
