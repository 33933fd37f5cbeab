-- What clients call a thread, where that is not its id.
ALTER TABLE threads ADD COLUMN name TEXT;
