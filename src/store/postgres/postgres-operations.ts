import type { Pool } from 'pg';
import { z } from 'zod';
import { Pacer } from '../../compute/turns.ts';
import type { Stop, StopName } from '../../contract/domain/operator.ts';
import type {
  OperationsStore,
  ReplicaReport,
  ReplicaRow,
  RunCount,
  RunHead,
  RunListing,
  RunListWalk,
  RunWalk,
} from '../../contract/store/operations-store.ts';
import { decodeHead, decodeReport, GroupSums, groupRows, stopRows } from '../operation-rows.ts';
import type { NotificationConnection } from './notification-connection.ts';
import { operationsChannel } from './notifications.ts';
import { withStorageFaults } from './postgres-faults.ts';
import { type Statement, selectGroups, selectHeads, selectMatches } from './run-walk.ts';

const matchRow = z.object({ examined: z.number(), last: z.string().nullable(), ids: z.array(z.string()) });
const countRow = z.object({ examined: z.number(), last: z.string().nullable(), found: z.string() });
const replicaRow = z.object({
  replica: z.string(),
  beat_at_ms: z.number(),
  report: z.string().nullable(),
  drain: z.boolean(),
  runs: z.number(),
});

/** Most pages are filled by the first, and a filter that matches little is carried out in few statements. */
const firstSize = 500;
const growth = 4;
const maxSize = 8000;

const selectStops = 'SELECT kind, name, reason, by, at_ms FROM stops ORDER BY at_ms, kind, name';
const upsertStop = `INSERT INTO stops (kind, name, reason, by, at_ms) VALUES ($1, $2, $3, $4, $5)
  ON CONFLICT (kind, name) DO UPDATE SET reason = excluded.reason, by = excluded.by, at_ms = excluded.at_ms`;
const deleteStop = 'DELETE FROM stops WHERE kind = $1 AND name = $2';
const writeReport = 'UPDATE replicas SET report = $2 WHERE replica = $1 AND report IS DISTINCT FROM $2';
const writeDrain = 'UPDATE replicas SET drain = $2 WHERE replica = $1';
const selectReplicas = `SELECT replica, (extract(epoch FROM beat_at) * 1000)::float8 AS beat_at_ms, report, drain,
    (SELECT count(*) FROM runs WHERE ended_at_ms IS NULL AND owner = replica) AS runs
  FROM replicas ORDER BY replica`;

/** What operators read and write of a PostgreSQL database. */
export class PostgresOperations implements OperationsStore {
  readonly #pool: Pool;
  readonly #connection: NotificationConnection;
  readonly #origin: string;

  /** @param deps.origin names this store, whose own signals are left out. */
  constructor(deps: { readonly pool: Pool; readonly connection: NotificationConnection; readonly origin: string }) {
    this.#pool = deps.pool;
    this.#connection = deps.connection;
    this.#origin = deps.origin;
  }

  async walkRuns({ filter, before, maxExamined, limit }: RunListWalk): Promise<RunListing> {
    const ids: string[] = [];
    let examined = 0;
    let from = before;
    for (let size = firstSize; ; size = Math.min(size * growth, maxSize)) {
      const asked = Math.min(size, maxExamined - examined);
      const page = { before: from, size: asked, limit: limit - ids.length };
      const chunk = matchRow.parse((await this.#ask(selectMatches(filter, page)))[0]);
      ids.push(...chunk.ids);
      examined += chunk.examined;
      if (ids.length === limit) return { runs: await this.#heads(ids), examined, next: ids.at(-1) ?? null };
      from = chunk.examined < asked ? null : chunk.last;
      if (from === null || examined >= maxExamined) return { runs: await this.#heads(ids), examined, next: from };
    }
  }

  async countRuns({
    filter,
    maxExamined,
    spreadAgentIds,
  }: RunWalk & { readonly spreadAgentIds: readonly string[] }): Promise<RunCount> {
    const sums = new GroupSums();
    let left = maxExamined;
    let from: string | null = null;
    for (let size = firstSize; ; size = Math.min(size * growth, maxSize)) {
      const asked = Math.min(size, left);
      const page = { before: from, size: asked };
      const chunk = countRow.parse((await this.#ask(selectGroups(filter, spreadAgentIds, page)))[0]);
      sums.add(groupRows.parse(JSON.parse(chunk.found)));
      left -= chunk.examined;
      from = chunk.examined < asked ? null : chunk.last;
      if (from === null || left <= 0) return { groups: sums.all, isComplete: from === null };
    }
  }

  async stops(): Promise<readonly Stop[]> {
    return stopRows.parse(await this.#ask({ text: selectStops, values: [] }));
  }

  async putStop({ kind, name, reason, by, atMs }: Stop): Promise<void> {
    await this.#ask({ text: upsertStop, values: [kind, name, reason, by, atMs] });
    await this.#announce();
  }

  async liftStop({ kind, name }: StopName): Promise<boolean> {
    const isLifted = await this.#change({ text: deleteStop, values: [kind, name] });
    await this.#announce();
    return isLifted;
  }

  async report(replica: string, report: ReplicaReport): Promise<void> {
    await this.#ask({ text: writeReport, values: [replica, JSON.stringify(report)] });
  }

  async replicas(): Promise<readonly ReplicaRow[]> {
    const rows = await this.#ask({ text: selectReplicas, values: [] });
    return rows
      .map((row) => replicaRow.parse(row))
      .map(({ replica, beat_at_ms: beatAtMs, report, drain: shouldDrain, runs }) => ({
        ...{ replica, beatAtMs, report: decodeReport(report), shouldDrain, runs },
      }));
  }

  async setDrain(replica: string, shouldDrain: boolean): Promise<boolean> {
    const isKnown = await this.#change({ text: writeDrain, values: [replica, shouldDrain] });
    await this.#announce();
    return isKnown;
  }

  onChange(listener: () => void): () => void {
    return this.#connection.onOperation(listener);
  }

  async #heads(ids: readonly string[]): Promise<readonly RunHead[]> {
    if (ids.length === 0) return [];
    const heads: RunHead[] = [];
    const pacer = new Pacer();
    for (const row of await this.#ask({ text: selectHeads, values: [ids] })) {
      heads.push(decodeHead(row));
      await pacer.pause();
    }
    return heads;
  }

  async #ask(statement: Statement): Promise<readonly object[]> {
    const { rows } = await withStorageFaults(this.#pool.query(statement.text, [...statement.values]));
    return rows as readonly object[];
  }

  async #change(statement: Statement): Promise<boolean> {
    const { rowCount } = await withStorageFaults(this.#pool.query(statement.text, [...statement.values]));
    return (rowCount ?? 0) > 0;
  }

  /** What is lost here is read with the next heartbeat of each replica. */
  async #announce(): Promise<void> {
    await this.#connection.send(operationsChannel, [this.#origin]).catch(() => {});
  }
}
