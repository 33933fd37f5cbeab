/** Rows of a list, as many as a store reads at once: one large row, or small ones up to about a hundred KiB. */
export type RowBatch<Row> = {
  readonly rows: readonly Row[];
  /** What was read for them, in characters or bytes of the store. */
  readonly size: number;
};

/**
 * The rows of a list, read from the store as they are pulled, so that a reader who has enough stops the reading. Pulling
 * rejects with `StorageFault`, or with what it was translated to. Between two batches the event loop may turn, so rows
 * that are removed in the meantime are left out.
 */
export type Rows<Row> = AsyncIterable<RowBatch<Row>>;
