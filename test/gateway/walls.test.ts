import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import type { AcpClient } from './client.ts';
import { RungateProcess } from './process.ts';
import { scraper, writeConfig } from './site.ts';
import { IntunedStandIn } from './stand-ins.ts';

/** Compares each of many objects with each: it takes a second, and JSONata does not look at the clock in that time. */
const distinct = '$count($distinct([1..9000].{"n": $}))';
/** Each level doubles the work. */
const twofold: JsonObject = {
  anyOf: [
    { allOf: [{ properties: { a: { $ref: '#' } } }, { required: ['never'] }] },
    { properties: { a: { $ref: '#' } } },
  ],
};
const nested = Array.from({ length: 60 }).reduce<Json>((below) => ({ a: below }), 1);

const agents: readonly JsonObject[] = [
  scraper,
  { ...scraper, name: 'poison', mapping: { output: distinct } },
  { ...scraper, name: 'backtracking', mapping: { output: '$match(result.s, /(a+)+$/)' } },
  { ...scraper, name: 'picky', schemas: { input: twofold } },
  { ...scraper, name: 'unique', schemas: { input: { properties: { l: { uniqueItems: true } } } } },
  { ...scraper, name: 'pattern', schemas: { input: { properties: { s: { pattern: '^(a+)+$' } } } } },
];

async function openRig() {
  const folder = mkdtempSync(join(tmpdir(), 'rungate-walls-'));
  const intuned = await IntunedStandIn.open();
  const file = join(folder, 'rungate.yaml');
  const sections = { server: { port: 0, drainSeconds: 10 }, log: { level: 'info' } };
  writeFileSync(file, writeConfig({ intuned, agents, keeps: true, sections }, folder));
  return {
    intuned,
    serve: () => new RungateProcess(['serve', '--config', file], folder),
    [Symbol.asyncDispose]: async () => {
      await intuned[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What became of a run, however long it waits for its turn. */
async function outcomeOf(client: AcpClient, runId: string): Promise<JsonObject> {
  for (;;) {
    const { status, body } = await client.ask('GET', `/runs/${runId}/output?block_timeout=10`);
    if (status === 200) return body as JsonObject;
  }
}

async function runPoison(client: AcpClient): Promise<JsonObject> {
  return await outcomeOf(client, (await client.create({ agent_id: 'poison' })).run_id);
}

/** Milliseconds of calls that others make, one after the other, for as long as it goes on. */
async function timeCalls(
  client: AcpClient,
  runId: string,
  goesOn: (calls: number) => boolean,
): Promise<readonly number[]> {
  const tookMs: number[] = [];
  while (goesOn(tookMs.length)) {
    const before = performance.now();
    await client.read(runId);
    tookMs.push(performance.now() - before);
  }
  return tookMs.sort((a, b) => a - b);
}

function p99(sorted: readonly number[]): number {
  return sorted[Math.floor(sorted.length * 0.99)] ?? 0;
}

/** Processes of their own. */
vi.setConfig({ testTimeout: 120_000 });

test('while poisoned evaluations and checks are under way, other calls take as long as before', async () => {
  await using rig = await openRig();
  await using gateway = rig.serve();
  const client = await gateway.client();
  rig.intuned.plan = () => ({ status: 'completed', result: { s: `${'a'.repeat(31)}!` } });
  const { run_id } = await client.run({ agent_id: 'price-scraper' });
  await timeCalls(client, run_id, (calls) => calls < 200);
  const quiet = p99(await timeCalls(client, run_id, (calls) => calls < 300));

  let left = 0;
  const under = <T>(work: Promise<T>): Promise<T> => {
    left += 1;
    return work.finally(() => (left -= 1));
  };
  const poisoned = Array.from({ length: 20 }, () => under(runPoison(client)));
  const checked = Array.from({ length: 3 }, () =>
    under(client.ask('POST', '/runs', { agent_id: 'picky', input: nested })),
  );
  const busy = p99(await timeCalls(client, run_id, (calls) => left > 0 && calls < 1500));

  for (const output of await Promise.all(poisoned)) {
    expect(output).toMatchObject({ status: 'error', errcode: 1005 });
    expect(output.description).toBe(`the mapping's "output" expression failed: it ran longer than 100 ms`);
  }
  for (const answer of await Promise.all(checked)) {
    expect(answer.status).toBe(422);
    expect(JSON.stringify(answer.body)).toContain('input takes longer than 250 ms to check');
  }
  expect(busy).toBeLessThan(Math.max(50, 3 * quiet));

  // What took minutes before is over at once.
  expect(await client.run({ agent_id: 'backtracking' })).toMatchObject({ status: 'success' });
  const l = Array.from({ length: 40_000 }, (_, n) => [n]);
  expect(await client.run({ agent_id: 'unique', input: { l } })).toMatchObject({ status: 'success' });
  const refused = await client.ask('POST', '/runs', { agent_id: 'pattern', input: { s: `${'a'.repeat(32)}!` } });
  expect([refused.status, JSON.stringify(refused.body)]).toEqual([
    422,
    expect.stringContaining('input/s must match pattern'),
  ]);
});

test('a gateway with poisoned evaluations under way ends at SIGTERM', async () => {
  await using rig = await openRig();
  await using gateway = rig.serve();
  const client = await gateway.client();
  const runs = await Promise.all(Array.from({ length: 6 }, () => client.create({ agent_id: 'poison' })));
  await rig.intuned.bell.until(() => rig.intuned.runs.length === runs.length);
  for (const run of rig.intuned.runs) run.say({ status: 'completed', result: 1 });
  await rig.intuned.runs[0]?.seen();
  const before = performance.now();
  gateway.kill('SIGTERM');
  expect((await gateway.exit()).code).toBe(0);
  expect(performance.now() - before).toBeLessThan(15_000);
});

test('a gateway that was killed in poisoned evaluations is ready again, and ends their runs', async () => {
  await using rig = await openRig();
  await using first = rig.serve();
  const client = await first.client();
  const runs = await Promise.all(Array.from({ length: 6 }, () => client.create({ agent_id: 'poison' })));
  await rig.intuned.bell.until(() => rig.intuned.runs.length === runs.length);
  for (const run of rig.intuned.runs) run.say({ status: 'completed', result: 1 });
  await Promise.all(rig.intuned.runs.map((run) => run.seen()));
  first.kill('SIGKILL');
  await first.exit();
  await using second = rig.serve();
  const after = await second.client();
  expect((await after.ask('GET', '/health/ready')).status).toBe(200);
  for (const { run_id } of runs)
    expect(await outcomeOf(after, run_id)).toMatchObject({ status: 'error', errcode: 1005 });
});
