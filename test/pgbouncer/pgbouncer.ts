import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findFreePort, findIdentity } from '../store/postgres-server.ts';

const lookEveryMs = 20;

export function hasPgbouncer(): boolean {
  return spawnSync('pgbouncer', ['--version']).status === 0;
}

/** A pgbouncer in front of a PostgreSQL server, with few sessions that it shares by transactions. */
export class Pgbouncer {
  readonly #process: ChildProcess;
  readonly #folder: string;
  readonly #port: number;

  private constructor(process: ChildProcess, folder: string, port: number) {
    this.#process = process;
    this.#folder = folder;
    this.#port = port;
  }

  static async start(serverPort: number): Promise<Pgbouncer> {
    const folder = mkdtempSync(join(tmpdir(), 'rungate-pgbouncer-'));
    const port = await findFreePort();
    const identity = findIdentity();
    const log = join(folder, 'pgbouncer.log');
    const settings = join(folder, 'pgbouncer.ini');
    // Fewer sessions than one replica has connections, so that each session serves several.
    writeFileSync(
      settings,
      `[databases]
* = host=127.0.0.1 port=${serverPort} user=rungate
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 6
max_client_conn = 500
server_reset_query_always = 0
logfile = ${log}
`,
    );
    if (identity.uid !== undefined && identity.gid !== undefined) chownSync(folder, identity.uid, identity.gid);
    const child = spawn('pgbouncer', [settings], { ...identity, cwd: folder, stdio: 'ignore' });
    process.once('exit', () => child.kill('SIGKILL'));
    while (!(await isListening(port))) {
      if (child.exitCode !== null) throw new Error(`pgbouncer did not start: ${readFileSync(log, 'utf8')}`);
      await sleep(lookEveryMs);
    }
    return new Pgbouncer(child, folder, port);
  }

  /** The URL by which the database of a server's URL is reached through it. */
  through(url: string): string {
    const own = new URL(url);
    own.port = String(this.#port);
    return own.href;
  }

  async close(): Promise<void> {
    const exited = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await exited;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
