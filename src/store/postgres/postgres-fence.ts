import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { type RunPhase, runPhases } from '../../contract/domain/run.ts';
import {
  type Fence,
  type FenceFinding,
  heldOwner,
  type LiveRunList,
  type RestoreDecision,
  restoreDecisions,
} from '../../contract/store/fence.ts';
import { StorageFault } from '../../contract/store/store.ts';
import { type StorePool, transact } from './connections.ts';
import { isRefusedExpression, withStorageFaults } from './postgres-faults.ts';
import { nowMs } from './write-statement.ts';

const identitySchema = z.object({ place: z.string(), timeline: z.string() });
type Identity = z.infer<typeof identitySchema>;

const rowSchema = identitySchema.extend({
  epoch: z.string(),
  stopped: z.boolean(),
  beat_at_ms: z.number(),
  unheard_ms: z.number(),
  decision: z.enum(restoreDecisions).nullable(),
});
const targetRow = z.object({ name: z.string(), setting: z.string() });
const countRow = z.object({ phase: z.enum(runPhases), count: z.number() });
const liveRow = z.object({ run_id: z.string(), agent_name: z.string(), phase: z.enum(runPhases) });
const beatRow = identitySchema.extend({ beats: z.number(), epoch: z.string().nullable(), renewed: z.boolean() });

const read = `SELECT epoch, place, timeline, stopped, decision, (extract(epoch FROM beat_at) * 1000)::float8 AS beat_at_ms,
  (extract(epoch FROM clock_timestamp() - beat_at) * 1000)::float8 AS unheard_ms FROM fence`;

/** Settings that stay with a server that was recovered to an earlier time. A promoted standby has none of them. */
const recoveryTargets = `SELECT name, setting FROM pg_settings WHERE setting <> '' AND name IN ('recovery_target',
  'recovery_target_lsn', 'recovery_target_name', 'recovery_target_time', 'recovery_target_xid') ORDER BY name`;

/** Parts of the identity, each of which a server that is not PostgreSQL itself may refuse. */
const placeParts = [
  `(SELECT system_identifier FROM pg_control_system())::text`,
  `(SELECT oid FROM pg_database WHERE datname = current_database())::text`,
  `'fence'::regclass::oid::text`,
] as const;
const timelinePart = `substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)`;

const plainBeat = `INSERT INTO replicas (replica, beat_at, beats) VALUES ($1, clock_timestamp(), 1)
  ON CONFLICT (replica) DO UPDATE SET beat_at = excluded.beat_at, beats = replicas.beats + 1 RETURNING beats`;

/** One statement, so that a heartbeat stays one commit. A heartbeat that finds an older state does not renew it. */
const renewingBeat = (identity: string): string => `WITH here AS (SELECT ${identity}), beaten AS (${plainBeat}),
  renewed AS (
    UPDATE fence SET beat_at = clock_timestamp(), stopped = false FROM here, beaten
    WHERE fence.epoch = $2 AND fence.place = here.place AND fence.timeline = here.timeline AND beaten.beats > $3
    RETURNING 1)
  SELECT beaten.beats, here.place, here.timeline, (SELECT epoch FROM fence) AS epoch,
    EXISTS (SELECT 1 FROM renewed) AS renewed
  FROM beaten, here`;

/** Replicas whose last heartbeat is older are gone, so that the one that stops now is the last. */
const gone = `interval '1 minute'`;

/** What this process knows of the database that it took. */
type Holding = { readonly epoch: string; readonly place: string; timeline: string; beats: number };

/**
 * The fence of a PostgreSQL database: a row in it, what identifies its server, and the number of heartbeats that each
 * replica knows to have sent.
 */
export class PostgresFence implements Fence {
  readonly #pool: StorePool;
  #identity: string | null = null;
  #holding: Holding | null = null;
  #fault: StorageFault | null = null;
  /** The heartbeats that follow would seem newer than the last one that this replica knows. */
  #isLost = false;

  constructor(pool: StorePool) {
    this.#pool = pool;
  }

  get fault(): StorageFault | null {
    return this.#fault;
  }

  async examine(): Promise<FenceFinding> {
    const row = await this.#read();
    if (row === null) return { kind: 'new', note: null };
    const here = await this.#identify();
    const copy = (reason: string): FenceFinding => ({
      kind: 'copy',
      reason,
      beatAtMs: row.beat_at_ms === 0 ? null : row.beat_at_ms,
    });
    if (row.stopped) return here.place === row.place ? { kind: 'intact', unheardMs: null } : { kind: 'moved' };
    if (here.place !== row.place) return copy('it was not stopped cleanly, and this is another server or database');
    if (here.timeline === row.timeline) return { kind: 'intact', unheardMs: row.unheard_ms };
    const { rows } = await withStorageFaults(this.#pool.query(recoveryTargets));
    const targets = rows.map((each) => targetRow.parse(each)).map(({ name, setting }) => `${name} = ${setting}`);
    if (targets.length > 0) return copy(`the server was recovered to an earlier time: ${targets.join(', ')}`);
    return { kind: 'promoted', unheardMs: row.unheard_ms };
  }

  async take(found: FenceFinding, hold: readonly RunPhase[]): Promise<void> {
    const here = await this.#identify();
    const isAnother = found.kind === 'copy' || found.kind === 'new';
    const taken = transact(this.#pool, 'BEGIN', async (client) => {
      // Replicas that start together take it one after the other.
      await client.query('LOCK TABLE fence IN SHARE ROW EXCLUSIVE MODE');
      const [raw] = (await client.query(read)).rows;
      const row = raw === undefined ? null : rowSchema.parse(raw);
      // Another replica was faster, and held what was to be held.
      const isTaken = row !== null && !row.stopped && row.place === here.place && row.timeline === here.timeline;
      if (isTaken && (isAnother || hold.length > 0) && row.unheard_ms < takenWithinMs) return row.epoch;
      if (hold.length > 0) {
        await client.query(
          'UPDATE runs SET owner = $1, version = version + 1 WHERE ended_at_ms IS NULL AND phase = ANY ($2::text[])',
          [heldOwner, hold],
        );
        // The original may have fired since.
        await client.query(`UPDATE schedules SET decided_ms = greatest(decided_ms, ${nowMs}), waiting_ms = NULL`);
      }
      const epoch = row === null || isAnother ? randomUUID() : row.epoch;
      await client.query(
        `INSERT INTO fence (epoch, place, timeline, beat_at, stopped) VALUES ($1, $2, $3, clock_timestamp(), false)
         ON CONFLICT (one) DO UPDATE SET epoch = excluded.epoch, place = excluded.place, timeline = excluded.timeline,
           beat_at = excluded.beat_at, stopped = false`,
        [epoch, here.place, here.timeline],
      );
      return epoch;
    });
    this.#holding = { ...here, epoch: await withStorageFaults(taken), beats: 0 };
  }

  /** Records a heartbeat, and renews the fence once it is taken. */
  async beat(replica: string): Promise<void> {
    const holding = this.#holding;
    if (this.#isLost && this.#fault !== null) throw this.#fault;
    if (holding === null) {
      await withStorageFaults(
        this.#pool.query({ ...this.#pool.prepared('plain beat'), text: plainBeat, values: [replica] }),
      );
      return;
    }
    const query = { ...this.#pool.prepared('beat'), text: renewingBeat(await this.#identityColumns()) };
    const values = [replica, holding.epoch, holding.beats];
    const { rows } = await withStorageFaults(this.#pool.query({ ...query, values }));
    const beaten = beatRow.parse(rows[0]);
    if (!beaten.renewed) await this.#judge(holding, beaten);
    holding.beats = beaten.beats;
    this.#fault = null;
  }

  /** A promoted standby that has the last heartbeat of this replica has all that it wrote before. */
  async #judge(holding: Holding, { beats, epoch, place, timeline }: z.infer<typeof beatRow>): Promise<void> {
    if (place !== holding.place) throw this.#lose('is another one than before');
    this.#isLost = epoch !== holding.epoch || beats <= holding.beats;
    if (epoch !== holding.epoch) throw this.#lose('was restored');
    if (beats <= holding.beats) throw this.#lose('has gone back to an older state');
    await withStorageFaults(
      this.#pool.query(
        'UPDATE fence SET timeline = $1, beat_at = clock_timestamp(), stopped = false WHERE epoch = $2',
        [timeline, holding.epoch],
      ),
    );
    holding.timeline = timeline;
  }

  #lose(what: string): StorageFault {
    this.#fault = new StorageFault(`the database ${what} while this process had it open; nothing more is written`);
    return this.#fault;
  }

  /** The replica leaves by a clean stop, which the last one marks. */
  async stop(replica: string): Promise<void> {
    const holding = this.#holding;
    this.#holding = null;
    const left = transact(this.#pool, 'BEGIN', async (client) => {
      // Two that stop at once would each take the other for one that goes on.
      await client.query('SELECT 1 FROM fence FOR UPDATE');
      await client.query('DELETE FROM replicas WHERE replica = $1', [replica]);
      if (holding === null || this.#fault !== null) return;
      await client.query(
        `UPDATE fence SET stopped = true, beat_at = clock_timestamp() WHERE epoch = $1
         AND NOT EXISTS (SELECT 1 FROM replicas WHERE beat_at > clock_timestamp() - ${gone})`,
        [holding.epoch],
      );
    });
    await withStorageFaults(left);
  }

  async decide(decision: RestoreDecision): Promise<void> {
    // A database without a row is one that was never taken.
    await withStorageFaults(
      this.#pool.query(
        `INSERT INTO fence (epoch, place, timeline, beat_at, stopped, decision)
         VALUES ('unknown', 'unknown', 'unknown', to_timestamp(0), false, $1)
         ON CONFLICT (one) DO UPDATE SET decision = excluded.decision`,
        [decision],
      ),
    );
  }

  async decision(): Promise<RestoreDecision | null> {
    return (await this.#read())?.decision ?? null;
  }

  async free(): Promise<void> {
    const freed = transact(this.#pool, 'BEGIN', async (client) => {
      await client.query('UPDATE fence SET decision = NULL');
      await client.query(
        'UPDATE runs SET owner = NULL, version = version + 1 WHERE ended_at_ms IS NULL AND owner = $1',
        [heldOwner],
      );
    });
    await withStorageFaults(freed);
  }

  async live(max: number, held: boolean): Promise<LiveRunList> {
    const owner = held ? heldOwner : null;
    const where = 'ended_at_ms IS NULL AND ($1::text IS NULL OR owner = $1)';
    const count = `SELECT phase, count(*) AS count FROM runs WHERE ${where} GROUP BY phase`;
    const oldest = `SELECT run_id, agent_name, phase FROM runs WHERE ${where} ORDER BY run_id LIMIT $2`;
    const [counted, listed] = await withStorageFaults(
      Promise.all([this.#pool.query(count, [owner]), this.#pool.query(oldest, [owner, max])]),
    );
    const counts = counted.rows.map((row) => countRow.parse(row));
    return {
      counts: Object.fromEntries(counts.map((row) => [row.phase, row.count])),
      oldest: listed.rows
        .map((row) => liveRow.parse(row))
        .map(({ run_id: runId, agent_name: agentName, phase }) => ({ runId, agentName, phase })),
    };
  }

  async #read(): Promise<z.infer<typeof rowSchema> | null> {
    const { rows } = await withStorageFaults(this.#pool.query(read));
    return rows[0] === undefined ? null : rowSchema.parse(rows[0]);
  }

  async #identify(): Promise<Identity> {
    const { rows } = await withStorageFaults(this.#pool.query(`SELECT ${await this.#identityColumns()}`));
    return identitySchema.parse(rows[0]);
  }

  /** A server that refuses a part, as services with another storage do, is identified by the others. */
  async #identityColumns(): Promise<string> {
    if (this.#identity !== null) return this.#identity;
    const parts = [...placeParts, timelinePart];
    const allowed: string[] = [];
    // A start waits for each question, and PostgreSQL itself answers them all.
    if (await this.#answers(parts.join(', '))) allowed.push(...parts);
    else for (const part of parts) allowed.push((await this.#answers(part)) ? part : `''`);
    const timeline = allowed.pop() ?? `''`;
    this.#identity = `concat_ws('/', ${allowed.join(', ')}) AS place, ${timeline} AS timeline`;
    return this.#identity;
  }

  async #answers(expression: string): Promise<boolean> {
    try {
      await this.#pool.query(`SELECT ${expression}`);
      return true;
    } catch (error) {
      if (isRefusedExpression(error)) return false;
      return await withStorageFaults(Promise.reject(error));
    }
  }
}

/** Since when another replica that starts at the same time may have taken the database. */
const takenWithinMs = 60_000;
