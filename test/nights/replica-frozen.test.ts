import { afterAll, expect, test, vi } from 'vitest';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { scraper } from '../gateway/site.ts';
import { PostgresServer, startPostgres } from '../store/postgres-server.ts';
import { expectQuiet, expectSigns, openNight, patience } from './night-rig.ts';
import { nights } from './night-table.ts';

const started = await startPostgres();
const postgres = started instanceof PostgresServer ? started : null;
const reason = started instanceof PostgresServer ? '' : ` (${started.unavailable})`;
afterAll(async () => await postgres?.destroy());

test.skipIf(postgres === null)(
  `a frozen replica is named by every sign of the other, which goes on with its runs and starts none twice${reason}`,
  async () => {
    const url = await (postgres as PostgresServer).createDatabase();
    await using rig = await openNight({ agents: [scraper], storeUrl: () => url });
    const { intuned } = rig;
    const frozen = await rig.serve();
    await using _frozen = frozen.process;
    const gateway = await rig.serve();
    await using _process = gateway.process;
    const running = await frozen.client.create({ agent_id: 'price-scraper', input: { name: 'running' } });
    const upstream = await intuned.nextRun();
    await upstream.polled();

    const sinceMs = performance.now();
    frozen.process.kill('SIGSTOP');
    await expectSigns(gateway, nights.replicaFrozen, sinceMs);
    upstream.say({ status: 'completed', result: 'ran' });
    expect(await gateway.client.output(running.run_id)).toMatchObject({ status: 'success', result: 'ran' });

    frozen.process.kill('SIGCONT');
    await expectQuiet(gateway, nights.replicaFrozen);
    intuned.plan = () => ({ status: 'completed', result: 'ran' });
    // It refuses runs until its heartbeat has been written.
    await vi.waitFor(async () => {
      const { status, body } = await frozen.client.ask('POST', '/runs', { agent_id: 'price-scraper', input: {} });
      expect(status).toBe(200);
      expect(await frozen.client.output(String((body as JsonObject).run_id))).toMatchObject({ status: 'success' });
    }, patience);
    expect(intuned.runs).toHaveLength(2);
  },
  60_000,
);
