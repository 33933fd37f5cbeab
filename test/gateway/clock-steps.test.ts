import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { RungateProcess } from './process.ts';
import { order, scraper, writeConfig } from './site.ts';
import { IntunedStandIn, RestackStandIn } from './stand-ins.ts';

vi.setConfig({ testTimeout: 120_000 });

/** Loaded before the gateway: SIGUSR2 steps its wall clock, and says so once it is done. */
const steppable = `
  const RealDate = Date;
  let stepMs = 0;
  globalThis.Date = class extends RealDate {
    constructor(...parts) { parts.length === 0 ? super(RealDate.now() + stepMs) : super(...parts); }
    static now() { return RealDate.now() + stepMs; }
  };
  process.on('SIGUSR2', () => {
    stepMs += Number(process.env.WALL_STEP_MS);
    process.stdout.write('"stepped":"' + stepMs + '"\\n');
  });
`;

test.each([
  ['back by an hour', -3_600_000],
  ['forward by an hour', 3_600_000],
])(
  'when the wall clock of a process is set %s, live runs go on within a second, and ends are as they were',
  async (_name, stepMs) => {
    const folder = mkdtempSync(join(tmpdir(), 'rungate-clock-'));
    await using intuned = await IntunedStandIn.open();
    await using restack = await RestackStandIn.open();
    const short = { ...order, name: 'short', timeoutSeconds: 4 };
    const agents = [{ ...scraper, timeoutSeconds: 15 }, { ...order, timeoutSeconds: 15 }, short];
    const pacing = { floorMs: 20, watchedCeilingMs: 100, ceilingMs: 200 };
    const file = join(folder, 'rungate.yaml');
    const sections = { pacing, log: { level: 'info' } };
    writeFileSync(file, writeConfig({ intuned, restack, agents, keeps: true, sections }, folder));
    const preload = `data:text/javascript,${encodeURIComponent(steppable)}`;
    const env = { NODE_OPTIONS: `--import=${preload}`, WALL_STEP_MS: String(stepMs) };
    await using gateway = new RungateProcess(['serve', '--config', file, '--port', '0'], folder, env);
    const client = await gateway.client();
    const runs = [
      await client.create({ agent_id: 'price-scraper' }),
      await client.create({ agent_id: 'order', input: { n: 1 } }),
    ];
    const late = await client.create({ agent_id: 'order', input: { n: 2 } });
    const doomed = await client.create({ agent_id: 'short', input: { n: 3 } });
    const vendorRuns = await intuned.bell.until(() => (intuned.runs.length === 1 ? intuned.runs : undefined));
    await restack.bell.until(() => restack.runs.length === 3);
    await Promise.all([...vendorRuns, ...restack.runs].map((run) => run.polled()));

    gateway.kill('SIGUSR2');
    expect(await gateway.said(/"stepped":"([^"]+)"/)).toBe(String(stepMs));
    const steppedAtMs = performance.now();
    await Promise.all([...vendorRuns, ...restack.runs].map((run) => run.polled(2)));
    expect(performance.now() - steppedAtMs).toBeLessThan(1000);

    for (const run of vendorRuns) run.say({ status: 'completed', result: 1 });
    const first = restack.runs.find(({ asked }) => JSON.stringify(asked.body).includes('"n":1'));
    first?.say({ status: 'completed', output: 1 });
    for (const { run_id } of runs) expect((await client.output(run_id)).status).toBe('success');
    // Its deadline truly passes, and it alone ends for that.
    expect((await client.output(doomed.run_id)).status).toBe('timeout');
    expect(performance.now() - steppedAtMs).toBeLessThan(10_000);
    expect((await client.read(late.run_id)).status).toBe('pending');
    // A run created after the step is no different.
    const next = await client.create({ agent_id: 'price-scraper' });
    const started = await intuned.bell.until(() => intuned.runs[1]);
    started.say({ status: 'completed', result: 2 });
    expect((await client.output(next.run_id)).result).toBe(2);
    rmSync(folder, { recursive: true, force: true });
  },
);
