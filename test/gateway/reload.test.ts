// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of the config
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { queryObjects } from 'node:v8';
import { describe, expect, test, vi } from 'vitest';
import { Document } from 'yaml';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { CompiledMapping } from '../../src/mapping/compiled-mapping.ts';
import { openReloadSite } from './reload-rig.ts';
import { scraper } from './site.ts';
import { IntunedStandIn, secrets } from './stand-ins.ts';

vi.setConfig({ testTimeout: 30_000 });

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

  test('neither the agents nor the text of earlier configs stay in memory after their runs', async () => {
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
