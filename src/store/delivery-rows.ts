import { z } from 'zod';
import { type Run, runPhases } from '../contract/domain/run.ts';
import { type Delivery, deliveryStates } from '../contract/domain/webhook.ts';
import { StorageFault } from '../contract/store/store.ts';
import { decodeLargeRun, runColumns } from './run-rows.ts';

const keptRun = z.object({ kept: z.string() });

/** The names of a run's columns, each with what it is read from, as the arguments of a JSON object in SQL. */
export const keptMembers = runColumns
  .split(', ')
  .map((column) => `'${column.split('.')[1]}', ${column}`)
  .join(', ');

/** A run that a delivery kept when it was removed. @throws StorageFault when the row cannot be decoded. */
export function decodeKeptRun(row: unknown): Run | Promise<Run> {
  const parsed = keptRun.safeParse(row);
  if (!parsed.success) throw new StorageFault('a delivery in the database cannot be read', parsed.error);
  return decodeLargeRun(JSON.parse(parsed.data.kept));
}

const integer = z.number().int();

const deliveryRow = z.object({
  run_id: z.string(),
  webhook: z.string(),
  seq: integer,
  tenant: z.string(),
  url: z.string(),
  receiver: z.string(),
  body: z.string(),
  phase: z.enum(runPhases).nullable(),
  state: z.enum(deliveryStates),
  attempts: integer,
  created_at_ms: z.number(),
  since_ms: z.number(),
  due_at_ms: z.number(),
  ended_at_ms: z.number().nullable(),
  failure: z.string().nullable(),
});

/** Columns of `deliveries` that {@link decodeDelivery} reads, for a select list. */
export const deliveryColumns = Object.keys(deliveryRow.shape)
  .map((column) => `deliveries.${column}`)
  .join(', ');

/** @throws StorageFault when the row cannot be decoded. */
export function decodeDelivery(row: unknown): Delivery {
  const parsed = deliveryRow.safeParse(row);
  if (!parsed.success) throw new StorageFault('a delivery in the database cannot be read', parsed.error);
  const columns = parsed.data;
  return {
    runId: columns.run_id,
    ...(columns.webhook === '' ? {} : { webhook: columns.webhook }),
    seq: columns.seq,
    tenant: columns.tenant,
    url: columns.url,
    receiver: columns.receiver,
    body: columns.body,
    ...(columns.phase === null ? {} : { phase: columns.phase }),
    state: columns.state,
    attempts: columns.attempts,
    createdAtMs: columns.created_at_ms,
    sinceMs: columns.since_ms,
    dueAtMs: columns.due_at_ms,
    endedAtMs: columns.ended_at_ms,
    failure: columns.failure,
  };
}
