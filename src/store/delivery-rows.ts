import { z } from 'zod';
import { type Delivery, deliveryStates } from '../contract/domain/webhook.ts';
import { StorageFault } from '../contract/store/store.ts';

const integer = z.number().int();

const deliveryRow = z.object({
  run_id: z.string(),
  seq: integer,
  tenant: z.string(),
  url: z.string(),
  receiver: z.string(),
  body: z.string(),
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
    seq: columns.seq,
    tenant: columns.tenant,
    url: columns.url,
    receiver: columns.receiver,
    body: columns.body,
    state: columns.state,
    attempts: columns.attempts,
    createdAtMs: columns.created_at_ms,
    sinceMs: columns.since_ms,
    dueAtMs: columns.due_at_ms,
    endedAtMs: columns.ended_at_ms,
    failure: columns.failure,
  };
}
