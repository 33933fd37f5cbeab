import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, expect, test } from 'vitest';
import { scraper } from '../gateway/site.ts';
import { PostgresServer, startPostgres } from '../store/postgres-server.ts';
import { expectQuiet, expectSigns, type NightRig, openNight, type RigOptions } from './night-rig.ts';
import { nights } from './night-table.ts';

const started = await startPostgres();
const postgres = started instanceof PostgresServer ? started : null;
const reason = started instanceof PostgresServer ? '' : ` (${started.unavailable})`;
afterAll(async () => await postgres?.destroy());

/** Takes the store away from the gateways of a rig; the result gives it back. */
type Taking = (rig: NightRig) => Promise<() => Promise<unknown>>;

async function rehearse(options: Omit<RigOptions, 'agents'>, take: Taking): Promise<void> {
  await using rig = await openNight({ agents: [scraper], ...options });
  const { intuned } = rig;
  const gateway = await rig.serve();
  await using _process = gateway.process;
  const { client } = gateway;
  const running = await client.create({ agent_id: 'price-scraper', input: { name: 'running' } });
  const upstream = await intuned.nextRun();
  await upstream.polled();

  const sinceMs = performance.now();
  const giveBack = await take(rig);
  const headers = { 'idempotency-key': 'k-1' };
  const request = { agent_id: 'price-scraper', input: { name: 'refused' } };
  const refused = await client.ask('POST', '/runs', request, headers);
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
  upstream.say({ status: 'completed', result: 'ran' });
  await expectSigns(gateway, nights.storeAway, sinceMs);
  expect(intuned.runs).toHaveLength(1);

  await giveBack();
  await expectQuiet(gateway, nights.storeAway);
  intuned.plan = () => ({ status: 'completed', result: 'ran' });
  const again = await client.create(request, headers);
  for (const { run_id } of [running, again])
    expect(await client.output(run_id)).toMatchObject({ status: 'success', result: 'ran' });
  expect(intuned.runs).toHaveLength(2);
}

test.skipIf(postgres === null)(
  `a PostgreSQL that is away is named by every sign, and nothing is lost once it is back${reason}`,
  async () => {
    const server = postgres as PostgresServer;
    const url = await server.createDatabase();
    await rehearse({ storeUrl: () => url }, async () => {
      await server.stop('immediate');
      return () => server.start();
    });
  },
  60_000,
);

test('a SQLite file that another program keeps locked is named by every sign, and nothing is lost once it is free', async () => {
  const storeUrl = (folder: string) => `sqlite:${join(folder, 'runs.db')}?busyTimeoutMs=50`;
  await rehearse({ storeUrl }, async ({ folder }) => {
    const other = new DatabaseSync(join(folder, 'runs.db'), { timeout: 10_000 });
    other.exec('BEGIN EXCLUSIVE');
    return async () => {
      other.exec('ROLLBACK');
      other.close();
    };
  });
}, 60_000);
