import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { PostgresServer } from '../store/postgres-server.ts';

const lookEveryMs = 20;
/** The server is away for this long: a heartbeat or two. */
const downMs = 700;
const countRow = z.object({ count: z.coerce.number() });

/** A primary, and a standby that has every commit before it is acknowledged; both are named in one URL. */
export class ServerPair {
  readonly #primary: PostgresServer;
  readonly #standby: PostgresServer;
  #hasFailedOver = false;

  private constructor(primary: PostgresServer, standby: PostgresServer) {
    this.#primary = primary;
    this.#standby = standby;
  }

  static async of(primary: PostgresServer): Promise<ServerPair> {
    const standby = await primary.copy('standby');
    const source = `host=127.0.0.1 port=${primary.port} user=rungate`;
    await standby.start([`primary_conninfo=${source}`, 'recovery_target_timeline=latest']);
    const streaming = "SELECT count(*) AS count FROM pg_stat_replication WHERE state = 'streaming'";
    while ((await countIn(primary, streaming)) === 0) await sleep(lookEveryMs);
    await primary.query("ALTER SYSTEM SET synchronous_standby_names = '*'");
    await primary.query('SELECT pg_reload_conf()');
    return new ServerPair(primary, standby);
  }

  /** The primary first, which after the failover is the wrong one. */
  url(url: string): string {
    return url.replace(/127\.0\.0\.1:\d+/, `127.0.0.1:${this.#primary.port},127.0.0.1:${this.#standby.port}`);
  }

  /** The primary dies, the standby is promoted, and the old primary comes back and takes writes, as nothing should let it. */
  async failOver(): Promise<void> {
    if (this.#hasFailedOver) return;
    this.#hasFailedOver = true;
    await this.#primary.stop('immediate');
    await sleep(downMs);
    await this.#standby.query('SELECT pg_promote()');
    await this.#standby.query("ALTER SYSTEM SET synchronous_standby_names = ''");
    await this.#standby.query('SELECT pg_reload_conf()');
    await this.#primary.start(['synchronous_standby_names=']);
  }

  /** Leaves the old primary alone. */
  async stopPromoted(): Promise<void> {
    await this.#standby.stop('immediate');
  }

  async close(): Promise<void> {
    await this.#standby.destroy();
  }
}

async function countIn(server: PostgresServer, sql: string): Promise<number> {
  return countRow.parse((await server.query(sql))[0]).count;
}
