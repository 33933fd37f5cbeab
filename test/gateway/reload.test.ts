// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of the config
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { queryObjects, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test, vi } from 'vitest';
import { Document } from 'yaml';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { CompiledMapping } from '../../src/mapping/compiled-mapping.ts';
import { openReloadSite } from './reload-rig.ts';
import { scraper } from './site.ts';
import { IntunedStandIn, secrets } from './stand-ins.ts';

vi.setConfig({ testTimeout: 60_000 });

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const patience = { interval: 10, timeout: 15_000 };
const other: JsonObject = { ...scraper, name: 'other' };

async function statusOf(url: string, agent: string): Promise<number> {
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ agent_id: agent, input: {} });
  return (await fetch(`${url}/runs`, { method: 'POST', headers, body })).status;
}

describe('a reload', () => {
  test('a reload puts new agents into force, and a config that says the same changes nothing', async () => {
    await using intuned = await IntunedStandIn.open();
    await using site = await openReloadSite({ intuned, agents: [scraper] });
    expect(await statusOf(site.client.url, 'other')).toBe(404);
    const { hash, ...applied } = await site.reload({ intuned, agents: [scraper, other] });
    expect(applied).toEqual({ kind: 'applied', problems: [] });
    expect(await statusOf(site.client.url, 'other')).toBe(200);
    expect(await site.reload({ intuned, agents: [scraper, other] })).toEqual({ kind: 'unchanged', hash, problems: [] });
  });

  test('a config that is refused leaves the one before in force, and says why as the check of a config does', async () => {
    await using intuned = await IntunedStandIn.open();
    await using site = await openReloadSite({ intuned, agents: [scraper] });
    const refused = await site.reload({ intuned, agents: [{ ...scraper, timeoutSecond: 5 }] });
    expect(refused.kind).toBe('refused');
    expect(refused.problems.join()).toContain('did you mean "timeoutSeconds"');
    expect((await site.reloadText('agents: [')).kind).toBe('refused');
    expect(await statusOf(site.client.url, 'price-scraper')).toBe(200);
    expect(site.log.filter((line) => line.msg === 'config refused; the one before stays in force')).toHaveLength(2);
  });

  test('operators see which reloads were taken or refused, by whom and why, and one that comes again and again as one', async () => {
    await using intuned = await IntunedStandIn.open();
    await using site = await openReloadSite({ intuned, agents: [scraper] });
    const admin = async (method: string, path: string) =>
      (await (await fetch(`${site.client.url}/admin/v1${path}`, { method })).json()) as JsonObject;
    const { hash: first } = await admin('GET', '/config');
    const { hash: second } = await site.reload({ intuned, agents: [scraper, other] });
    for (let n = 0; n < 3; n += 1) await site.reloadText('agents: [');
    expect(await admin('POST', '/config:reload')).toMatchObject({ applied: false, hash: second });
    expect((await site.reload({ intuned, agents: [scraper] })).hash).toBe(first);
    await admin('POST', '/config:reload');
    const { history } = (await admin('GET', '/config')) as { readonly history: readonly JsonObject[] };
    const why = [expect.stringContaining('agents')];
    expect(history.map(({ at, ...record }) => ({ ...record, at: typeof at }))).toEqual(
      [
        {
          outcome: 'unchanged',
          cause: 'the operator anonymous',
          hash_before: first,
          hash: first,
          times: 1,
          problems: [],
        },
        { outcome: 'applied', cause: 'the test', hash_before: second, hash: first, times: 1, problems: [] },
        ...[
          { outcome: 'refused', cause: 'the operator anonymous', times: 1, problems: why },
          { outcome: 'refused', cause: 'the test', times: 3, problems: why },
        ].map((refused) => ({ ...refused, hash_before: second, hash: second })),
        { outcome: 'applied', cause: 'the test', hash_before: first, hash: second, times: 1, problems: [] },
        {
          outcome: 'started',
          cause: 'the start of the process',
          hash_before: null,
          hash: first,
          times: 1,
          problems: [],
        },
      ].map((record) => ({ ...record, at: 'string' })),
    );
    expect(site.log.filter(({ msg }) => msg === 'config reloaded').map(({ cause }) => cause)).toEqual([
      'the test',
      'the test',
    ]);
  });

  test('no more than fifty reloads are kept for operators', async () => {
    await using intuned = await IntunedStandIn.open();
    await using site = await openReloadSite({ intuned, agents: [scraper] });
    for (let n = 0; n < 55; n += 1) await site.reloadText(`agents: [ # ${n}\nlost${n}: [`);
    const { history } = (await (await fetch(`${site.client.url}/admin/v1/config`)).json()) as {
      readonly history: readonly JsonObject[];
    };
    expect(history).toHaveLength(50);
    expect(history.at(-1)).toMatchObject({ outcome: 'refused', times: 1 });
  });

  test.each([
    ['store', { store: { url: 'sqlite:./elsewhere.db' } }],
    ['server.port', { server: { port: 1 } }],
    ['retention', { retention: { days: 3 } }],
    ['limits.cacheRuns', { limits: { cacheRuns: 7 } }],
  ])('a change of %s is refused, because a process takes it up when it starts', async (key, sections) => {
    await using intuned = await IntunedStandIn.open();
    await using site = await openReloadSite({ intuned, agents: [scraper] });
    const { kind, problems } = await site.reload({ intuned, agents: [scraper], sections });
    expect({ kind, problems }).toEqual({
      kind: 'refused',
      problems: [`${key} cannot change while the gateway runs: restart it`],
    });
  });

  test('a stream and a wait that are open go on over a reload, and the run ends by the mapping in force', async () => {
    await using intuned = await IntunedStandIn.open();
    await using site = await openReloadSite({ intuned, agents: [scraper] });
    const { client } = site;
    const { run_id: runId } = await client.create({ agent_id: 'price-scraper', input: {} });
    await intuned.counted('start', 1);
    const reader = await client.stream(runId);
    const waiting = client.output(runId);
    const mapped = { ...scraper, mapping: { output: '{ "mapped": result }' } };
    expect((await site.reload({ intuned, agents: [mapped] })).kind).toBe('applied');
    // A poll that is under way is read as it would have been.
    await intuned.counted('poll', intuned.count('poll') + 2);
    intuned.runs[0]?.say({ status: 'completed', result: 5 });
    expect(await waiting).toMatchObject({ status: 'success', result: { mapped: 5 } });
    expect(await reader.find(({ status }) => status === 'success')).toMatchObject({ data: { result: { mapped: 5 } } });
    expect(intuned.runs).toHaveLength(1);
  });

  test('the live run of an agent that the config has no more ends with its result, and no new one is taken', async () => {
    await using intuned = await IntunedStandIn.open();
    await using site = await openReloadSite({ intuned, agents: [scraper, other] });
    const { client } = site;
    const { run_id: runId } = await client.create({ agent_id: 'other', input: {} });
    await intuned.counted('start', 1);
    expect((await site.reload({ intuned, agents: [scraper] })).kind).toBe('applied');
    expect(await statusOf(client.url, 'other')).toBe(404);
    intuned.runs[0]?.say({ status: 'completed', result: { gone: true } });
    expect(await client.output(runId)).toMatchObject({ status: 'success', result: { gone: true } });
  });

  test('a run that waits for a slot starts when a reload gives more of them', async () => {
    await using intuned = await IntunedStandIn.open();
    const one = { intuned, agents: [scraper], backend: { maxConcurrentRuns: 1 } };
    await using site = await openReloadSite(one);
    await site.client.create({ agent_id: 'price-scraper', input: {} });
    await intuned.counted('start', 1);
    const second = await site.client.create({ agent_id: 'price-scraper', input: {} });
    await expect
      .poll(
        async () => (await fetch(`${site.client.url}/runs/${second.run_id}`)).headers.get('x-rungate-waiting'),
        patience,
      )
      .toContain('max-concurrent-runs');
    expect((await site.reload({ ...one, backend: { maxConcurrentRuns: 2 } })).kind).toBe('applied');
    await intuned.counted('start', 2);
    const third = await site.client.create({ agent_id: 'price-scraper', input: {} });
    for (const run of intuned.runs) run.say({ status: 'completed', result: 1 });
    expect((await site.client.output(second.run_id)).status).toBe('success');
    await intuned.counted('start', 3);
    for (const run of intuned.runs) run.say({ status: 'completed', result: 1 });
    expect((await site.client.output(third.run_id)).status).toBe('success');
  });

  test('fewer slots count the runs that are live already', async () => {
    await using intuned = await IntunedStandIn.open();
    const two = { intuned, agents: [scraper], backend: { maxConcurrentRuns: 2 } };
    await using site = await openReloadSite(two);
    const runs = [
      await site.client.create({ agent_id: 'price-scraper', input: {} }),
      await site.client.create({ agent_id: 'price-scraper', input: {} }),
    ];
    await intuned.counted('start', 2);
    expect((await site.reload({ ...two, backend: { maxConcurrentRuns: 1 } })).kind).toBe('applied');
    const third = await site.client.create({ agent_id: 'price-scraper', input: {} });
    intuned.runs[0]?.say({ status: 'completed', result: 1 });
    await expect.poll(() => site.log.some((line) => line.msg === 'run ended'), patience).toBe(true);
    expect(intuned.runs).toHaveLength(2);
    intuned.runs[1]?.say({ status: 'completed', result: 1 });
    await intuned.counted('start', 3);
    intuned.runs[2]?.say({ status: 'completed', result: 1 });
    for (const { run_id: runId } of [...runs, third]) expect((await site.client.output(runId)).status).toBe('success');
  });

  test('a reload changes caps for the next run, and what was used of a cap stays with it', async () => {
    await using intuned = await IntunedStandIn.open();
    const capped = (runsPerHour: number | null) => ({
      intuned,
      agents: [scraper],
      sections: { caps: runsPerHour === null ? [] : [{ agent: 'price-scraper', runsPerHour }] },
    });
    await using site = await openReloadSite(capped(1));
    const { url } = site.client;
    const used = async () => {
      const { caps } = (await (await fetch(`${url}/admin/v1/caps`)).json()) as { readonly caps: readonly JsonObject[] };
      return caps.map(({ hour, limits }) => [(hour as JsonObject).runs, (limits as JsonObject).runs_per_hour]);
    };
    const create = () => statusOf(url, 'price-scraper');
    expect([await create(), await create(), await used()]).toEqual([200, 429, [[1, 1]]]);
    expect((await site.reload(capped(3))).kind).toBe('applied');
    expect([await create(), await create(), await create(), await used()]).toEqual([200, 200, 429, [[3, 3]]]);
    expect((await site.reload(capped(2))).kind).toBe('applied');
    expect([await create(), await used()]).toEqual([429, [[3, 2]]]);
    expect((await site.reload(capped(null))).kind).toBe('applied');
    expect([await create(), await used()]).toEqual([200, []]);
  });

  test('a file with a key that the vendor refuses is read again by itself', async () => {
    await using intuned = await IntunedStandIn.open();
    const backend = { apiKey: '${FILE:key.txt}', ...{ requestTimeoutSeconds: 5 } };
    const agents = [{ ...scraper, unauthorisedAfterSeconds: 60 }];
    const older = 'ik_older-7f3a9c5e1b';
    intuned.apiKeys.add(older);
    const { folder, rig } = await openWithKey(intuned, { backend, agents }, older);
    await using site = rig;
    const { run_id: runId } = await site.client.create({ agent_id: 'price-scraper', input: {} });
    await intuned.counted('start', 1);
    writeFileSync(join(folder, 'key.txt'), secrets.apiKey);
    intuned.apiKeys.delete(older);
    await expect.poll(() => site.log.some((line) => line.msg === 'credentials read again'), patience).toBe(true);
    intuned.runs[0]?.say({ status: 'completed', result: 1 });
    expect((await site.client.output(runId)).status).toBe('success');
    expect(intuned.runs[0]?.asked.headers['x-api-key']).toBe(older);
    expect(JSON.stringify(site.log)).not.toContain(secrets.apiKey);
  });

  test('neither the agents nor the text of earlier configs stay in memory after their runs', {
    timeout: 120_000,
  }, async () => {
    await using intuned = await IntunedStandIn.open();
    intuned.plan = () => ({ status: 'completed', result: 1 });
    const variant = (n: number) => ({
      intuned,
      agents: [{ ...scraper, mapping: { output: `{ "variant": ${n} }` } }],
      backend: { maxConcurrentRuns: 10 + n },
    });
    await using site = await openReloadSite(variant(0));
    const textsBefore = queryObjects(Document, { format: 'count' });
    const counts: number[] = [];
    // Each count walks the whole heap.
    const counted = [3, 12];
    for (let n = 1; n <= 12; n += 1) {
      expect((await site.reload(variant(n))).kind).toBe('applied');
      expect((await site.client.run({ agent_id: 'price-scraper' })).result).toEqual({ variant: n });
      if (counted.includes(n)) counts.push(queryObjects(CompiledMapping, { format: 'count' }));
    }
    // A timer that all runs share may keep the one that set it.
    expect(counts.at(-1)).toBeLessThanOrEqual((counts[0] ?? 0) + 3);
    expect(queryObjects(Document, { format: 'count' })).toBeLessThanOrEqual(textsBefore);
  });

  test('the heap is as large after many reloads as after few', { timeout: 120_000 }, async () => {
    await using intuned = await IntunedStandIn.open();
    const variant = (n: number) => ({ intuned, agents: [scraper], backend: { maxConcurrentRuns: 10 + n } });
    await using site = await openReloadSite(variant(0));
    const usedKb = async () => {
      // Finalizers of the first collection free what the second one takes.
      for (let n = 0; n < 2; n += 1) {
        collect();
        await nextTurn();
      }
      return process.memoryUsage().heapUsed / 1000;
    };
    let before = 0;
    for (let n = 1; n <= 20; n += 1) {
      expect((await site.reload(variant(n))).kind).toBe('applied');
      if (n === 5) before = await usedKb();
    }
    // One HTTP side takes 900 kB, and what V8 compiles in the meantime some hundred.
    expect(((await usedKb()) - before) / 15).toBeLessThan(150);
  });

  test('clients are let in by the keys in force from the next request on', async () => {
    await using intuned = await IntunedStandIn.open();
    const hashed = (sha256: string) => ({ auth: { keys: [{ name: 'ci', sha256 }] } });
    const sha = async (key: string) =>
      Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(key))).toString('hex');
    const [first, second] = ['first-key-of-the-client', 'second-key-of-the-client'];
    await using site = await openReloadSite({ intuned, agents: [scraper], sections: hashed(await sha(first)) });
    const knock = async (key: string) =>
      (
        await fetch(`${site.client.url}/agents/search`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'x-api-key': key },
          body: '{}',
        })
      ).status;
    expect([await knock(first), await knock(second)]).toEqual([200, 401]);
    await site.reload({ intuned, agents: [scraper], sections: hashed(await sha(second)) });
    expect([await knock(first), await knock(second)]).toEqual([401, 200]);
  });
});

/** The key has to be in its file before the gateway reads it. */
async function openWithKey(
  intuned: IntunedStandIn,
  { backend, agents }: { readonly backend: JsonObject; readonly agents: readonly JsonObject[] },
  key: string,
) {
  const rig = await openReloadSite({ intuned, agents });
  writeFileSync(join(rig.folder, 'key.txt'), key);
  const { kind } = await rig.reload({ intuned, agents, backend });
  if (kind !== 'applied') throw new Error(`the config with the key was ${kind}`);
  return { folder: rig.folder, rig };
}
