import type { Run, RunSummary } from '../../src/contract/domain/run.ts';
import type { RowBatch, Rows } from '../../src/contract/store/rows.ts';

/** Every row of a list. */
export async function all<Row>(rows: Rows<Row>): Promise<readonly Row[]> {
  const found: Row[] = [];
  for await (const batch of rows) found.push(...batch.rows);
  return found;
}

/** A list of these rows, in one batch. */
export async function* rowsOf<Row>(rows: readonly Row[]): AsyncGenerator<RowBatch<Row>, undefined> {
  yield { rows, size: 0 };
}

/** What a list shows of a run. */
export function summaryOf(run: Run): RunSummary {
  const { runId, tenant, agentId, agentName, threadId, request, phase, status, createdAtMs, updatedAtMs } = run;
  return { runId, tenant, agentId, agentName, threadId, request, phase, status, createdAtMs, updatedAtMs };
}
