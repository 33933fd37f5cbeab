import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFreePort } from '../../bench/free-port.ts';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { PostgresServer, startPostgres } from '../store/postgres-server.ts';
import { RungateProcess } from './process.ts';
import type { RestackStandIn } from './stand-ins.ts';
import type { VendorRun } from './vendor.ts';

/** Where gateways keep their runs: a file that one process has (null), or a database that two replicas share. */
export type KillPlace = { readonly name: string; readonly storeUrl: string | null };

/** Plays on SQLite and then with two replicas on PostgreSQL. Rejects where there is no PostgreSQL. */
export async function playInEachPlace(play: (place: KillPlace) => Promise<void>): Promise<void> {
  await play({ name: 'sqlite', storeUrl: null });
  const postgres = await startPostgres();
  if (!(postgres instanceof PostgresServer)) throw new Error(postgres.unavailable);
  try {
    await play({ name: 'postgres', storeUrl: await postgres.createDatabase() });
  } finally {
    await postgres.destroy();
  }
}

/** A process and the address that it keeps over restarts. */
class Replica {
  readonly url: string;
  readonly #file: string;
  readonly #folder: string;
  #process: RungateProcess;

  constructor({ folder, port, config }: { folder: string; port: number; config: JsonObject }) {
    mkdirSync(folder);
    this.url = `http://127.0.0.1:${port}`;
    this.#folder = folder;
    this.#file = join(folder, 'rungate.yaml');
    writeFileSync(this.#file, JSON.stringify({ ...config, server: { host: '127.0.0.1', port } }));
    this.#process = this.#serve();
  }

  #serve(): RungateProcess {
    return new RungateProcess(['serve', '--config', this.#file], this.#folder);
  }

  async whenReady(): Promise<void> {
    await this.#process.client();
  }

  /** As a power cut would; the process that comes after it is on its way. */
  async restart(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#process.exit();
    this.#process = this.#serve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
  }
}

/** Gateways as processes of their own, one of which is in use until it is killed. */
export class KilledGateways implements AsyncDisposable {
  readonly #folder: string;
  /** The first one is in use. */
  readonly #replicas: Replica[];
  #kills = 0;

  private constructor(folder: string, replicas: Replica[]) {
    this.#folder = folder;
    this.#replicas = replicas;
  }

  /** @param config all but its server, store and replicas. */
  static async open({ storeUrl }: KillPlace, config: JsonObject): Promise<KilledGateways> {
    const folder = mkdtempSync(join(tmpdir(), 'rungate-killed-'));
    const whole = {
      ...config,
      store: { url: storeUrl ?? `sqlite:${join(folder, 'runs.db')}` },
      replicas: { heartbeatSeconds: 0.5, deadAfterSeconds: 2 },
    };
    const replicas: Replica[] = [];
    for (const name of storeUrl === null ? ['one'] : ['one', 'other'])
      replicas.push(new Replica({ folder: join(folder, name), port: await findFreePort(), config: whole }));
    const gateways = new KilledGateways(folder, replicas);
    for (const replica of replicas) await replica.whenReady();
    return gateways;
  }

  get #inUse(): Replica {
    const [first] = this.#replicas;
    if (first === undefined) throw new Error('there is no gateway');
    return first;
  }

  /** Address of the gateway in use. */
  get url(): string {
    return this.#inUse.url;
  }

  get kills(): number {
    return this.#kills;
  }

  /** Kills the gateway in use. The other replica is in use then; a gateway that is alone comes back at its address. */
  async kill(): Promise<void> {
    const killed = this.#inUse;
    await killed.restart();
    this.#kills += 1;
    this.#replicas.push(...this.#replicas.splice(0, 1));
    await this.#inUse.whenReady();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const replica of this.#replicas) await replica[Symbol.asyncDispose]();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** The vendor's only run whose input has this text, once there is one. Rejects where it was started twice. */
export async function startedOnce(vendor: RestackStandIn, input: string): Promise<VendorRun> {
  const isOurs = ({ asked }: VendorRun): boolean => JSON.stringify(asked.body).includes(`"${input}"`);
  await vendor.bell.until(() => vendor.runs.some(isOurs));
  const found = vendor.runs.filter(isOurs);
  assert.equal(found.length, 1, `${input} was started ${found.length} times`);
  return found[0] as VendorRun;
}
