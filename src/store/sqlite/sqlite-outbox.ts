import type { DatabaseSync, StatementSync } from 'node:sqlite';
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
import { withStorageFaults } from './sqlite-faults.ts';
import { prepareOutbox } from './sqlite-outbox-statements.ts';
import type { WriteQueue } from './write-queue.ts';

const countRow = z.object({ waiting: z.number() });
const nextRow = z.object({ receiver: z.string(), due_at_ms: z.number() });
const idRow = z.object({ id: z.number() });

/** Deliveries that one transaction redrives. Bounded, because another process may wait to write. */
const redriveBatch = 1000;

/** Returns the work that stores a delivery in the transaction of the run's change. Encodes it now, as in `run-writes.ts`. */
export function prepareDelivery(insert: StatementSync, owed: NewDelivery): () => void {
  const { runId, webhook = '', seq, tenant, url, receiver, body, phase = null, createdAtMs } = owed;
  const columns = [runId, seq, tenant, url, receiver, createdAtMs, body, phase, webhook];
  return () => insert.run(...columns);
}

/**
 * Deliveries in the SQLite file of the runs. One process sends them. Another may list and redrive them at the same time:
 * nothing of them is kept in memory, and a claimed one is not redriven.
 */
export class SqliteOutbox implements Outbox {
  readonly #writes: WriteQueue;
  readonly #statements: ReturnType<typeof prepareOutbox>;

  constructor(database: DatabaseSync, writes: WriteQueue) {
    this.#writes = writes;
    this.#statements = prepareOutbox(database);
  }

  /** Frees all claims. Called by the process that owns the file, when it starts. Throws SQLite's errors. */
  returnClaimed(): void {
    this.#statements.returnAll.run();
  }

  readonly receivers: Outbox['receivers'] = async ({ after, examine, nowMs }) =>
    await withStorageFaults(() => {
      const due: string[] = [];
      let waitMs: number | null = null;
      let at = after;
      for (let examined = 0; examined < examine; examined += 1) {
        const row = this.#statements.nextReceiver.get(at);
        if (row === undefined) return { due, next: '', waitMs };
        const { receiver, due_at_ms: dueAtMs } = nextRow.parse(row);
        at = receiver;
        if (dueAtMs <= nowMs) due.push(receiver);
        else waitMs = Math.min(waitMs ?? Number.POSITIVE_INFINITY, dueAtMs - nowMs);
      }
      return { due, next: at, waitMs };
    });

  readonly claim: Outbox['claim'] = async ({ receivers, each, leaseMs, nowMs }) =>
    await this.#writes.submit(() =>
      receivers
        .flatMap((receiver) => this.#statements.heads.all(receiver, nowMs, each).map(decodeDelivery))
        .map((delivery) => {
          this.#statements.claim.run(...nameOf(delivery), nowMs + leaseMs);
          return { ...delivery, dueAtMs: nowMs + leaseMs };
        }),
    );

  async runOf(delivery: Delivery): Promise<Run | null> {
    return await withStorageFaults(() => {
      const kept = this.#statements.keptRun.get(...nameOf(delivery));
      if (kept !== undefined) return decodeKeptRun(kept);
      const row = this.#statements.run.get(delivery.runId, delivery.tenant);
      return row === undefined ? null : decodeLargeRun(row);
    });
  }

  async settle(claimed: Delivery, settlement: Settlement, nowMs: number): Promise<boolean> {
    const [runId, webhook, seq] = nameOf(claimed);
    return await this.#writes.submit(() => {
      const change = changeFor(settlement, nowMs);
      if (this.#statements.settle.run(runId, webhook, seq, claimed.dueAtMs, ...change).changes === 0) return false;
      if (settlement.kind === 'stopped') this.#statements.stop.run(runId, webhook, nowMs, settlement.failure);
      // What waits behind this one is sent after it, and need not be looked at before.
      else this.#statements.follow.run(runId, webhook, settlement.kind === 'retry' ? nowMs + settlement.delayMs : 0);
      return true;
    });
  }

  async countWaiting(max: number): Promise<number> {
    return await withStorageFaults(() => countRow.parse(this.#statements.countWaiting.get(max)).waiting);
  }

  async forget(runId: string, webhook = ''): Promise<void> {
    await this.#writes.submit(() => this.#statements.forget.run(runId, webhook));
  }

  readonly list: Outbox['list'] = async ({ runId, states = deliveryStates, limit }) =>
    await withStorageFaults(() => {
      const rows =
        runId === undefined
          ? this.#statements.list.all(JSON.stringify(states), limit)
          : this.#statements.listOf.all(JSON.stringify(states), limit, runId);
      return rows.map(decodeDelivery);
    });

  readonly redrive: Outbox['redrive'] = async ({ runId, states, nowMs }) => {
    const wanted = JSON.stringify(states);
    let count = 0;
    for (let ids = await this.#redrivable(0, wanted, runId); ids.length > 0; ) {
      const named = JSON.stringify(ids);
      count += await this.#writes.submit(() => Number(this.#statements.redrive.run(named, wanted, nowMs).changes));
      ids = ids.length < redriveBatch ? [] : await this.#redrivable(ids.at(-1) ?? 0, wanted, runId);
    }
    return count;
  };

  async #redrivable(after: number, wanted: string, runId: string | undefined): Promise<readonly number[]> {
    const { redrivable, redrivableOf } = this.#statements;
    return await withStorageFaults(() => {
      const rows =
        runId === undefined
          ? redrivable.all(after, wanted, redriveBatch)
          : redrivableOf.all(after, wanted, redriveBatch, runId);
      return rows.map((row) => idRow.parse(row).id);
    });
  }
}

function nameOf({ runId, webhook = '', seq }: Delivery): readonly [runId: string, webhook: string, seq: number] {
  return [runId, webhook, seq];
}

/** State, whether it was an attempt, due, end and failure. */
function changeFor(
  settlement: Settlement,
  nowMs: number,
): readonly [string, number, number, number | null, string | null] {
  switch (settlement.kind) {
    case 'delivered':
      return ['delivered', 1, 0, nowMs, null];
    case 'retry':
      return ['waiting', 1, nowMs + settlement.delayMs, null, settlement.failure];
    case 'failed':
    case 'stopped':
      return [settlement.kind, 1, 0, nowMs, settlement.failure];
    case 'returned':
      return ['waiting', 0, 0, null, null];
    default:
      return assertNever(settlement);
  }
}
