import { z } from 'zod';
import { assertNever } from '../../contract/domain/assert-never.ts';
import type { Run } from '../../contract/domain/run.ts';
import {
  type Delivery,
  deliveryStates,
  type NewDelivery,
  type Outbox,
  type Settlement,
} from '../../contract/domain/webhook.ts';
import { decodeDelivery, decodeKeptRun } from '../delivery-rows.ts';
import { decodeLargeRun } from '../run-rows.ts';
import { bindStatements, type StorePool } from './connections.ts';
import { outboxStatements } from './postgres-outbox-statements.ts';
import type { Row } from './write-statement.ts';

const countRow = z.object({ waiting: z.number() });
const nextRow = z.object({ receiver: z.string(), wait_ms: z.number() });

/** A row of the parameter table of deliveries that comes with a run's update. */
export function encodeDelivery(owed: NewDelivery): Row {
  const { runId, webhook = '', seq, tenant, url, receiver, createdAtMs, body, phase = null } = owed;
  return [runId, webhook, seq, tenant, url, receiver, createdAtMs, body, phase];
}

/** Deliveries in PostgreSQL. Other replicas claim those of a dead one once their lease is over. */
export class PostgresOutbox implements Outbox {
  readonly #query: ReturnType<typeof bindStatements<typeof outboxStatements>>;

  constructor(pool: StorePool) {
    const prepared = ['receivers', 'claim', 'settle', 'keptRun', 'run'] as const;
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

  async runOf({ runId, webhook = '', seq, tenant }: Delivery): Promise<Run | null> {
    // In this order: a run that is removed in between is found the second time.
    const [row] = (await this.#query('run', [runId, tenant])).rows;
    if (row !== undefined) return await decodeLargeRun(row);
    const [kept] = (await this.#query('keptRun', [runId, webhook, seq])).rows;
    return kept === undefined ? null : await decodeKeptRun(kept);
  }

  async settle({ runId, webhook = '', seq, dueAtMs }: Delivery, settlement: Settlement): Promise<boolean> {
    const name = [runId, webhook, seq];
    return (await this.#query('settle', [...name, dueAtMs, ...changeFor(settlement)])).rows.length > 0;
  }

  async countWaiting(max: number): Promise<number> {
    return countRow.parse((await this.#query('countWaiting', [max])).rows[0]).waiting;
  }

  async forget(runId: string, webhook = ''): Promise<void> {
    await this.#query('forget', [runId, webhook]);
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
