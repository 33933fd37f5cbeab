-- What runs under caps have used: runs and cost (in millionths) by the name of the cap, in buckets of a minute for the hour and of
-- a quarter of an hour for the day. The bucket 0 of the span `open` is what runs under way count as.
CREATE TABLE cap_uses (
  name TEXT NOT NULL,
  span TEXT NOT NULL,
  bucket_ms INTEGER NOT NULL,
  runs INTEGER NOT NULL,
  cost INTEGER NOT NULL,
  PRIMARY KEY (name, span, bucket_ms)
) STRICT, WITHOUT ROWID;
