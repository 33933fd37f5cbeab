import type { Pool, QueryResult } from 'pg';
import { z } from 'zod';
import { assertNever } from '../../contract/domain/assert-never.ts';
import {
  type Delivery,
  deliveryStates,
  type NewDelivery,
  type Outbox,
  type Settlement,
} from '../../contract/domain/webhook.ts';
import { decodeDelivery } from '../outbox-rows.ts';
import { toStorageFault } from './faults.ts';
import { outboxStatements } from './outbox-statements.ts';
import type { Row } from './write-statement.ts';

const nextRow = z.object({ receiver: z.string(), wait_ms: z.number() });

const prepared: ReadonlySet<keyof typeof outboxStatements> = new Set(['receivers', 'claim', 'settle']);

/** A row of the table of parameters that comes with a run's update. */
export function encodeDelivery({ runId, seq, tenant, url, receiver, createdAtMs, body }: NewDelivery): Row {
  return [runId, seq, tenant, url, receiver, createdAtMs, body];
}

/** Deliveries in PostgreSQL. A replica that dies leaves them to the others once their lease is over. */
export class PostgresOutbox implements Outbox {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
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

  async #query(name: keyof typeof outboxStatements, values: unknown[]): Promise<QueryResult> {
    try {
      const named = prepared.has(name) ? { name: `outbox ${name}` } : {};
      return await this.#pool.query({ ...named, text: outboxStatements[name], values });
    } catch (error) {
      throw toStorageFault(error);
    }
  }
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
