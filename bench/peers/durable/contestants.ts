import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { PostgresServer } from '../../../test/store/postgres-server.ts';
import { findFreePort } from '../../free-port.ts';
import type { Vendor } from '../../vendor.ts';
import { makeAppEngine } from '../app-engine.ts';
import type { Engine } from '../engine.ts';
import { makeGateway, type Vendorship } from '../gateway-engine.ts';
import { type EngineName, engines, installEngine } from '../packages.ts';
import { makeRestate } from '../restate-engine.ts';
import { openVendorProxy, type VendorProxy } from './vendor-proxy.ts';

export type Place = {
  readonly scratch: string;
  readonly vendor: Vendor;
  readonly postgres: PostgresServer | { readonly unavailable: string };
  /** Whether the jobs of the engines send an idempotency key, which this gateway does where it is configured. */
  readonly isKeyed: boolean;
};

export type Contestant = { readonly engine: Engine; readonly proxy: VendorProxy };

type Make = (place: Place, dataDirectory: string) => Promise<Contestant | { readonly unavailable: string }>;

/** In the order of the table. */
export const contestants: Readonly<Record<string, Make>> = {
  'rungate-key': gateway('rungate, vendor with idempotency keys', ({ proxy }) => ({
    backend: { adapter: 'restack', baseUrl: proxy.url, idempotencyHeader: 'Idempotency-Key' },
    target: { workflow: 'echo' },
  })),
  'rungate-push': gateway('rungate, vendor that calls', ({ proxy }) => ({
    backend: {
      ...{ adapter: 'intuned', baseUrl: `${proxy.url}/api/v1/workspace`, workspaceId: 'peers', apiKey: 'sandbox-key' },
      push: { publicUrl: proxy.pushUrl },
    },
    target: { project: 'peers', api: 'echo' },
  })),
  'rungate-none': gateway('rungate, vendor that tells nothing', ({ proxy }) => ({
    backend: { adapter: 'restack', baseUrl: proxy.url },
    target: { workflow: 'echo' },
  })),
  restate: restate,
  dbos: onPostgres('dbos', 'dbos.mjs'),
  absurd: onPostgres('absurd', 'absurd.mjs', createAbsurdSchema),
  'pg-boss': onPostgres('pg-boss', 'pg-boss.mjs'),
  'graphile-worker': onPostgres('graphile-worker', 'graphile-worker.mjs'),
};

function gateway(name: string, vendorshipOf: (options: { readonly proxy: VendorProxy }) => Vendorship): Make {
  return async ({ vendor }, dataDirectory) => {
    const port = await findFreePort();
    const isPushed = name.endsWith('calls');
    const vendorUrl = isPushed ? new URL(vendor.url).origin : vendor.restackUrl;
    const proxy = await openVendorProxy(vendorUrl, () => `http://127.0.0.1:${port}`);
    const vendorship = vendorshipOf({ proxy });
    return { engine: await makeGateway({ name, dataDirectory, vendorship, port }), proxy };
  };
}

async function restate(place: Place, dataDirectory: string): ReturnType<Make> {
  const prepared = await prepare('restate', place);
  if ('unavailable' in prepared) return prepared;
  const { proxy, ...options } = prepared;
  return { engine: await makeRestate({ ...options, dataDirectory }), proxy };
}

function onPostgres(
  name: EngineName,
  app: string,
  createSchema: (server: PostgresServer, url: string, directory: string) => Promise<void> = async () => {},
): Make {
  return async (place) => {
    const { postgres } = place;
    if ('unavailable' in postgres) return postgres;
    const prepared = await prepare(name, place);
    if ('unavailable' in prepared) return prepared;
    const { proxy, ...options } = prepared;
    const url = await postgres.createDatabase();
    await createSchema(postgres, url, options.directory);
    const env = { ...options.env, DATABASE_URL: url };
    return { engine: await makeAppEngine({ ...options, app, env }), proxy };
  };
}

async function prepare(engine: EngineName, { vendor, isKeyed }: Place) {
  const installed = installEngine(engine);
  if ('unavailable' in installed) return installed;
  const proxy = await openVendorProxy(vendor.restackUrl, () => null);
  const { name, npm } = engines[engine];
  const label = `${name} ${Object.values(npm)[0]}${isKeyed ? ', job sends a key' : ''}`;
  const env = { VENDOR_URL: `${proxy.url}/api/workflows/echo`, KEYED: isKeyed ? '1' : '' };
  return { name: label, directory: installed.directory, env, proxy };
}

/** What `absurdctl init` and `absurdctl create-queue default` do, for which it wants psql. */
async function createAbsurdSchema(server: PostgresServer, url: string, directory: string): Promise<void> {
  const print = 'import absurdctl; print(absurdctl.BUNDLED_SCHEMA_SQL)';
  const env = { ...process.env, PYTHONPATH: join(directory, 'python') };
  const database = new URL(url).pathname.slice(1);
  await server.query(execFileSync('python3', ['-c', print], { env, encoding: 'utf8' }), database);
  await server.query(`SELECT absurd.create_queue('default')`, database);
}

export function makeDataDirectory(scratch: string, name: string): string {
  const directory = join(scratch, name);
  mkdirSync(directory);
  return directory;
}
