import type { Pool } from 'pg';
import { z } from 'zod';
import { assertNever } from '../../contract/domain/assert-never.ts';
import {
  type Delivery,
  deliveryStates,
  type NewDelivery,
  type Outbox,
  type Settlement,
} from '../../contract/domain/webhook.ts';
import { decodeDelivery } from '../delivery-rows.ts';
import { bindStatements } from './connections.ts';
import { outboxStatements } from './postgres-outbox-statements.ts';
import type { Row } from './write-statement.ts';

const nextRow = z.object({ receiver: z.string(), wait_ms: z.number() });

/** A row of the parameter table of deliveries that comes with a run's update. */
export function encodeDelivery({ runId, seq, tenant, url, receiver, createdAtMs, body }: NewDelivery): Row {
  return [runId, seq, tenant, url, receiver, createdAtMs, body];
}

/** Deliveries in PostgreSQL. Other replicas claim those of a dead one once their lease is over. */
export class PostgresOutbox implements Outbox {
  readonly #query: ReturnType<typeof bindStatements<typeof outboxStatements>>;

  constructor(pool: Pool) {
    const prepared = ['receivers', 'claim', 'settle'] as const;
    this.#query = bindStatements(pool, outboxStatements, { prefix: 'outbox', prepared });
  }

  readonly receivers: Outbox['receivers'] = async ({ after, examine }) => {
    const seen = (await this.#query('receivers', [after, examine])).rows.map((row) => nextRow.parse(row));
    const waits = seen.map((row) => row.wait_ms).filter((waitMs) => waitMs > 0);
    return {
      due: seen.filter((row) => row.wait_ms <= 0).map((row) => row.receiver),
      next: seen.length < examine ? '' : (seen.at(-1)?.receiver ?? ''),
      waitMs: waits.length === 0 ? null : Math.min(...waits),
    };
  };

  readonly claim: Outbox['claim'] = async ({ receivers, each, leaseMs }) =>
    (await this.#query('claim', [receivers, each, leaseMs])).rows.map(decodeDelivery);

  async settle({ runId, seq, dueAtMs }: Delivery, settlement: Settlement): Promise<boolean> {
    return (await this.#query('settle', [runId, seq, dueAtMs, ...changeFor(settlement)])).rows.length > 0;
  }

  readonly list: Outbox['list'] = async ({ runId, states = deliveryStates, limit }) => {
    const result =
      runId === undefined
        ? await this.#query('list', [states, limit])
        : await this.#query('listOf', [states, limit, runId]);
    return result.rows.map(decodeDelivery);
  };

  readonly redrive: Outbox['redrive'] = async ({ runId = null, states }) =>
    (await this.#query('redrive', [runId, states])).rowCount ?? 0;
}

/** State, whether it was an attempt, delay and failure. */
function changeFor(settlement: Settlement): readonly [string, number, number | null, string | null] {
  switch (settlement.kind) {
    case 'delivered':
      return ['delivered', 1, null, null];
    case 'retry':
      return ['waiting', 1, settlement.delayMs, settlement.failure];
    case 'failed':
    case 'stopped':
      return [settlement.kind, 1, null, settlement.failure];
    case 'returned':
      return ['waiting', 0, null, null];
    default:
      return assertNever(settlement);
  }
}
