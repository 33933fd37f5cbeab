-- The phase that the run of a delivery was in. Its body is made of the run each time it is sent. Null for deliveries from
-- before this column, which have a body.
ALTER TABLE deliveries ADD COLUMN phase TEXT;
-- A run that was removed before it was delivered: JSON of its columns.
ALTER TABLE deliveries ADD COLUMN kept TEXT;
