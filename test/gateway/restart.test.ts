import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { reply } from './manners.ts';
import { RungateProcess } from './process.ts';
import { order, scraper, support, writeConfig } from './site.ts';
import { IntunedStandIn, RestackStandIn } from './stand-ins.ts';

const agents: readonly JsonObject[] = [
  scraper,
  { ...scraper, name: 'daring', onUnknownStart: 'retry' },
  { ...scraper, name: 'short', timeoutSeconds: 1 },
  { ...support, mapping: { interrupt: 'output.interrupt' } },
  order,
];

/** Two vendors, and gateways that follow each other over one store. */
async function openRig() {
  const folder = mkdtempSync(join(tmpdir(), 'rungate-restart-'));
  const [intuned, restack] = [await IntunedStandIn.open(), await RestackStandIn.open()];
  const pacing = { floorMs: 20, watchedCeilingMs: 100, ceilingMs: 200 };
  const file = join(folder, 'rungate.yaml');
  writeFileSync(
    file,
    writeConfig({ intuned, restack, agents, keeps: true, sections: { pacing, log: { level: 'info' } } }, folder),
  );
  return {
    intuned,
    restack,
    serve: () => new RungateProcess(['serve', '--config', file, '--port', '0'], folder),
    [Symbol.asyncDispose]: async () => {
      await intuned[Symbol.asyncDispose]();
      await restack[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function killed(gateway: RungateProcess): Promise<void> {
  gateway.kill('SIGKILL');
  expect((await gateway.exit()).code).toBeNull();
}

/** Each test starts two processes. */
vi.setConfig({ testTimeout: 120_000 });

describe.concurrent('a gateway that is killed and started again', () => {
  test('a gateway that is killed and started again recovers every live run in any phase, and starts none twice', async () => {
    await using rig = await openRig();
    const { intuned, restack } = rig;
    await using first = rig.serve();
    const before = await first.client();

    // Running at both vendors, with readers; one waits for a payload; one is done.
    const names = Array.from({ length: 20 }, (_, n) => (n % 2 ? 'order' : 'price-scraper'));
    const running = await Promise.all(names.map((agent_id, n) => before.create({ agent_id, input: { n } })));
    await intuned.bell.until(() => intuned.runs.length === 10);
    await restack.bell.until(() => restack.runs.length === 10);
    for (const run of intuned.runs) run.say({ status: 'started', result: 'half' });
    const reader = await before.stream(running[0]?.run_id ?? '');
    const half = await reader.find(({ result }) => result === 'half');
    restack.plan = () => ({ status: 'running', output: { interrupt: { interrupt_type: 'ask' } } });
    const waiting = await before.run({ agent_id: 'support' });
    const answered = await before.run({ agent_id: 'support' });
    restack.plan = () => ({ status: 'completed', output: { n: -1 } });
    const done = await before.run({ agent_id: 'order' });
    // One that the vendor was not asked for yet, and two whose start is under way.
    // One whose payload is on its way.
    restack.hold('event');
    await before.resume(answered.run_id, { ok: 1 });
    await restack.counted('event', 1);
    restack.surprise('start', reply(503, { error: 'later' }, { 'retry-after': '3600' }));
    const queued = await before.create({ agent_id: 'order', input: { n: 20 } });
    await restack.counted('start', 14);
    intuned.hold('start');
    const starting = await before.create({ agent_id: 'price-scraper', input: { n: 21 } });
    const daring = await before.create({ agent_id: 'daring', input: { n: 22 } });
    await intuned.counted('start', 12);

    await killed(first);
    intuned.hold('start')();
    restack.hold('event')();
    const asked = intuned.count('start');
    intuned.plan = ({ body }) => ({ status: 'completed', result: (body as JsonObject).parameters ?? null });
    await using second = rig.serve();
    const after = await second.client();

    // The reader comes back with what it has seen.
    const again = await after.stream(running[0]?.run_id ?? '', { 'last-event-id': half.id });
    expect((await after.read(done.run_id)).status).toBe('success');
    expect((await after.read(waiting.run_id)).status).toBe('interrupted');
    expect(await after.output(starting.run_id)).toMatchObject({ status: 'error', errcode: 1002 });
    expect((await after.output(queued.run_id)).result).toEqual({ n: -1 });
    expect((await after.output(daring.run_id)).result).toEqual({ n: 22 });
    for (const run of [...intuned.runs, ...restack.runs]) {
      const { parameters, input } = run.asked.body as JsonObject;
      if (run.body.status !== 'running') run.say({ status: 'completed', result: parameters ?? 0, output: input ?? 0 });
    }
    for (const [n, { run_id }] of running.entries()) expect((await after.output(run_id)).result).toEqual({ n });
    const rest = await again.end();
    expect(rest[0]?.id).toBe(String(Number(half.id) + 1));
    expect(rest.at(-1)?.data).toMatchObject({ status: 'success', result: { n: 0 } });
    // Whether the payload arrived is unknown; the vendor still asks, so the client is asked again.
    expect((await after.output(answered.run_id)).status).toBe('interrupted');
    for (const [n, { run_id }] of [waiting, answered].entries()) {
      await after.resume(run_id, { n });
      const upstream = await restack.bell.until(() => restack.runs.find((run) => run.events.length > 0));
      expect(upstream.events.map(({ body }) => body)).toEqual([{ eventName: 'resume', eventInput: { n } }]);
      upstream.events.length = 0;
      upstream.say({ status: 'completed', output: 'resumed' });
      expect((await after.output(run_id)).result).toBe('resumed');
    }
    // The one that may be started twice, and the one that waited.
    expect(intuned.count('start') - asked).toBe(1);
    expect(restack.count('start')).toBe(15);
    second.kill('SIGTERM');
    expect((await second.exit()).code).toBe(0);
  });

  test('a gateway that is killed has lost no run that it had answered for', async () => {
    await using rig = await openRig();
    const { intuned } = rig;
    await using first = rig.serve();
    const before = await first.client();
    intuned.plan = ({ body }) => ({ status: 'completed', result: (body as JsonObject).parameters ?? null });
    const answered: string[] = [];
    const creating = Array.from({ length: 8 }, async (_, lane) => {
      for (let n = 0; n < 100; n += 1) {
        const run = await before.create({ agent_id: 'daring', input: { n: lane * 100 + n } }).catch(() => null);
        if (run === null) return;
        answered.push(run.run_id);
        if (answered.length === 60) first.kill('SIGKILL');
      }
    });
    await Promise.all(creating);
    await first.exit();
    expect(answered.length).toBeGreaterThanOrEqual(60);
    await using second = rig.serve();
    const after = await second.client();
    const ended = await Promise.all(answered.map((runId) => after.output(runId)));
    expect(ended.filter(({ status }) => status !== 'success')).toEqual([]);
  });
});

test.concurrent('a gateway that stops records what its vendors answer, and leaves other runs to the next process', async () => {
  await using rig = await openRig();
  const { intuned } = rig;
  await using first = rig.serve();
  const before = await first.client();
  const release = intuned.hold('start');
  const { run_id } = await before.create({ agent_id: 'price-scraper', input: {} });
  const short = await before.create({ agent_id: 'short' });
  await intuned.counted('start', 2);
  const blocked = before.ask('GET', `/runs/${run_id}/output?block_timeout=20`);
  const stream = await before.stream(run_id);
  first.kill('SIGTERM');
  await stream.end();
  expect(stream.dismissed).toBe(true);
  expect((await blocked).status).toBe(204);
  release();
  expect(await first.exit()).toMatchObject({ code: 0, err: '' });

  await using second = rig.serve();
  const after = await second.client();
  (await intuned.nextRun()).say({ status: 'completed', result: 'kept' });
  expect((await after.output(run_id)).result).toBe('kept');
  expect(intuned.count('start')).toBe(2);
  // A deadline counts also when no process was up as it passed.
  expect(await after.output(short.run_id)).toMatchObject({ status: 'timeout', errcode: 1001 });
});
