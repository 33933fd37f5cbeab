import { runColumns } from '../rows.ts';

/** Changes are told on this channel as `origin id,id,…`. */
export const channel = 'rungate_runs';

const nowMs = '(extract(epoch FROM clock_timestamp()) * 1000)::bigint';
const events = (first: number): string =>
  `unnest($${first}::text[], $${first + 1}::bigint[], $${first + 2}::bigint[], $${first + 3}::text[], $${first + 4}::text[])
    AS event (run_id, seq, at_ms, status, change)`;

/** Notifies of the runs in `source`, in as few messages as their limit of 8,000 bytes allows. */
const tell = (source: string, origin: string): string => `told AS MATERIALIZED (
  SELECT pg_notify('${channel}', ${origin} || ' ' || string_agg(run_id, ',')) AS sent
  FROM (SELECT run_id, row_number() OVER () / 150 AS part FROM ${source}) AS parts GROUP BY part)`;
const countTold = '(SELECT count(told.sent) FROM told)';

/** Each takes arrays, one element per run, and is a transaction of its own. */
export const statements = {
  insert: `WITH input AS MATERIALIZED (
      SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
        $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::text[], $14::text[], $15::text[],
        $16::text[], $17::text[], $18::text[], $19::bigint[])
      AS input (run_id, tenant, agent_id, agent_name, thread_id, phase, status, owner, version, created_at_ms,
        updated_at_ms, ended_at_ms, state, request, metadata, key_tenant, key, fingerprint, key_expires_at_ms)
    ), taken AS (
      INSERT INTO idempotency AS used (tenant, key, fingerprint, run_id, expires_at_ms)
      SELECT key_tenant, key, fingerprint, run_id, key_expires_at_ms FROM input WHERE key IS NOT NULL
      ORDER BY key_tenant, key
      ON CONFLICT (tenant, key) DO UPDATE SET fingerprint = excluded.fingerprint, run_id = excluded.run_id,
        expires_at_ms = excluded.expires_at_ms WHERE used.expires_at_ms <= ${nowMs}
      RETURNING run_id
    ), stored AS (
      INSERT INTO runs (run_id, tenant, agent_id, agent_name, thread_id, phase, status, owner, version,
        created_at_ms, updated_at_ms, ended_at_ms, state)
      SELECT run_id, tenant, agent_id, agent_name, thread_id, phase, status, owner, version,
        created_at_ms, updated_at_ms, ended_at_ms, state
      FROM input WHERE key IS NULL OR run_id IN (SELECT run_id FROM taken)
      RETURNING run_id
    ), asked AS (
      INSERT INTO requests (run_id, metadata, request)
      SELECT run_id, string_to_array(metadata, E'\\n'), request FROM input JOIN stored USING (run_id)
    ), recorded AS (
      INSERT INTO events (run_id, seq, at_ms, status, change)
      SELECT run_id, seq, at_ms, event.status, change FROM ${events(20)} JOIN stored USING (run_id)
    )
    SELECT run_id FROM stored`,

  findKey: `SELECT fingerprint, run_id FROM idempotency
    WHERE tenant = $1 AND key = $2 AND expires_at_ms > ${nowMs}`,

  update: `WITH input AS MATERIALIZED (
      SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[],
        $8::bigint[], $9::bigint[], $10::bigint[], $11::text[])
      AS input (run_id, tenant, expected_version, expected_owner, phase, status, owner, version, updated_at_ms,
        ended_at_ms, state)
    ), changed AS (
      UPDATE runs SET phase = input.phase, status = input.status, owner = input.owner, version = input.version,
        updated_at_ms = input.updated_at_ms, ended_at_ms = input.ended_at_ms, state = input.state
      FROM input WHERE runs.run_id = input.run_id AND runs.tenant = input.tenant
        AND runs.version = input.expected_version
        AND (input.expected_owner IS NULL OR runs.owner = input.expected_owner)
      RETURNING runs.run_id
    ), recorded AS (
      INSERT INTO events (run_id, seq, at_ms, status, change)
      SELECT run_id, seq, at_ms, event.status, change FROM ${events(12)} JOIN changed USING (run_id)
    ), ${tell('changed', '$17::text')}
    SELECT run_id, ${countTold} FROM changed`,

  remove: `WITH input AS MATERIALIZED (
      SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[]) AS input (run_id, tenant, expected_version)
    ), gone AS (
      DELETE FROM runs USING input WHERE runs.run_id = input.run_id AND runs.tenant = input.tenant
        AND runs.version = input.expected_version
      RETURNING runs.run_id
    ), unasked AS (DELETE FROM requests USING gone WHERE requests.run_id = gone.run_id
    ), forgotten AS (DELETE FROM events USING gone WHERE events.run_id = gone.run_id
    ), ${tell('gone', '$4::text')}
    SELECT run_id, ${countTold} FROM gone`,

  find: `SELECT ${runColumns} FROM runs JOIN requests USING (run_id) WHERE run_id = $1 AND tenant = $2`,

  events: 'SELECT seq, at_ms, status, change FROM events WHERE run_id = $1 AND seq > $2 ORDER BY seq LIMIT $3',

  beat: `INSERT INTO replicas (replica, beat_at) VALUES ($1, clock_timestamp())
    ON CONFLICT (replica) DO UPDATE SET beat_at = excluded.beat_at`,

  release: 'DELETE FROM replicas WHERE replica = $1',

  ping: 'SELECT 1',

  // One step of the index per owner, not per run: the living may own very many.
  deadOwners: `WITH RECURSIVE owners AS (
      SELECT min(owner) AS owner FROM runs WHERE ended_at_ms IS NULL
      UNION ALL
      SELECT (SELECT min(runs.owner) FROM runs WHERE runs.ended_at_ms IS NULL AND runs.owner > owners.owner)
      FROM owners WHERE owners.owner IS NOT NULL
    )
    SELECT owner FROM owners WHERE owner IS NOT NULL AND owner <> $1 AND NOT EXISTS (
      SELECT 1 FROM replicas WHERE replica = owner AND beat_at > clock_timestamp() - $2 * interval '1 millisecond')`,

  claim: `WITH picked AS (
      SELECT run_id FROM runs WHERE ended_at_ms IS NULL AND (owner IS NULL OR owner = ANY ($2::text[]))
      ORDER BY run_id LIMIT $3 FOR UPDATE SKIP LOCKED
    ), claimed AS (
      UPDATE runs SET owner = $1, version = version + 1 FROM picked WHERE runs.run_id = picked.run_id
      RETURNING runs.*
    ), ${tell('claimed', '$4::text')}
    SELECT ${runColumns.replaceAll('runs.', 'claimed.')}, ${countTold}
    FROM claimed JOIN requests USING (run_id) ORDER BY run_id`,

  expire: `WITH old AS (
      SELECT run_id FROM runs WHERE ended_at_ms < $1 ORDER BY ended_at_ms LIMIT $3 FOR UPDATE SKIP LOCKED
    ), gone AS (DELETE FROM runs USING old WHERE runs.run_id = old.run_id RETURNING runs.run_id
    ), unasked AS (DELETE FROM requests USING gone WHERE requests.run_id = gone.run_id
    ), forgotten AS (DELETE FROM events USING gone WHERE events.run_id = gone.run_id
    ), unused AS (
      DELETE FROM idempotency WHERE (tenant, key) IN (
        SELECT tenant, key FROM idempotency WHERE expires_at_ms <= $2 ORDER BY expires_at_ms LIMIT $3)
      RETURNING key
    ), buried AS (DELETE FROM replicas WHERE beat_at < clock_timestamp() - interval '1 day'
    ), ${tell('gone', '$4::text')}
    SELECT greatest((SELECT count(*) FROM gone), (SELECT count(*) FROM unused)) AS removed, ${countTold}`,
} as const;
