import { maxBatchSize } from '../row-batches.ts';

/**
 * Wraps a select of a page's rows so that payloads come with the first rows alone, as many as one batch may read; of the
 * others only their size is told. No payload is decompressed for that. PostgreSQL would read the whole page otherwise.
 *
 * @param options.heads columns that come with every row, separated by commas.
 * @param options.payloads text columns.
 * @param options.order the page's order, in terms of the heads.
 */
export function pageText(
  select: string,
  options: { readonly heads: string; readonly payloads: readonly string[]; readonly order: string },
): string {
  const { heads, payloads, order } = options;
  const size = payloads.map((column) => `octet_length(${column})`).join(' + ');
  const whole = payloads.map((column) => `CASE WHEN is_read THEN ${column} END AS ${column}`).join(', ');
  return `SELECT ${heads}, size, is_read AS "isRead", ${whole} FROM (
      SELECT *, (running <= ${maxBatchSize} OR running = size) AS is_read FROM (
        SELECT *, sum(size) OVER (ORDER BY ${order}) AS running FROM (
          SELECT *, ${size} AS size FROM (${select}) AS rows) AS sized) AS summed) AS page
    ORDER BY ${order}`;
}
