-- What runs under caps have used: runs and cost (in millionths) by the name of the cap, in buckets of a minute for the hour and of
-- a quarter of an hour for the day. The bucket 0 of the span `open` is what runs under way count as.
CREATE TABLE cap_uses (
  name text COLLATE "C" NOT NULL,
  span text COLLATE "C" NOT NULL,
  bucket_ms bigint NOT NULL,
  runs bigint NOT NULL,
  cost bigint NOT NULL,
  PRIMARY KEY (name, span, bucket_ms)
);
