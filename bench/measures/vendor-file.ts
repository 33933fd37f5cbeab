import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'yaml';
import type { Bench } from '../bench.ts';
import { atMost, type Measured, median } from '../figures.ts';
import { type Gateway, serveConfig } from '../gateway.ts';
import { applyLoad } from '../load.ts';
import { root } from '../places.ts';
import { startVendor, type Vendor } from '../vendor.ts';

/** Of each gateway: together two thousand polls a second, which leaves the processor room. */
const runs = 900;
const everySecond = { floorMs: 1000, watchedCeilingMs: 1000, ceilingMs: 1000 };
const settleMs = 3000;
const rounds = 8;
const roundMs = 2000;

type Contestant = { readonly gateway: Gateway; readonly vendor: Vendor };

/** Intuned's calls for the runs of an API as a vendor file, with the mapping that the coded adapter has. */
function writeVendorFile(scratch: string): string {
  const project = '/{settings.workspaceId}/projects/{target.project}/run';
  const file = {
    vendor: 'intuned-by-file',
    settings: { workspaceId: 'part', apiKey: 'secret' },
    auth: { header: { name: 'x-api-key', value: '{apiKey}' } },
    target: { project: 'part', api: 'text' },
    start: {
      ...{ method: 'POST', path: `${project}/start`, id: 'body.runId' },
      body: "{ 'api': target.api, 'parameters': input }",
    },
    observe: { path: `${project}/{upstream.runId}/result`, status: 'body.status' },
    mapping: parse(readFileSync(join(root, 'mappings/intuned.yaml'), 'utf8'), { merge: true }) as object,
  };
  const path = join(scratch, 'vendor-of-the-measure.yaml');
  // JSON is YAML too.
  writeFileSync(path, JSON.stringify(file));
  return path;
}

async function start(bench: Bench, adapter: string, vendors: readonly string[]): Promise<Contestant> {
  const vendor = await bench.use(startVendor());
  const backend = { adapter, baseUrl: vendor.url, workspaceId: 'bench', apiKey: 'sandbox-key' };
  const config = {
    server: { host: '127.0.0.1', port: 0 },
    store: { url: `sqlite:${join(bench.scratch, `${adapter}.db`)}` },
    pacing: everySecond,
    vendors,
    backends: { vendor: backend },
    agents: [{ name: 'hang', backend: 'vendor', target: { project: 'bench', api: 'hang' } }],
  };
  const gateway = await bench.use(serveConfig(adapter, bench.scratch, config));
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ agent_id: 'hang', input: {} });
  await applyLoad({
    ...{ url: gateway.url, connections: 20, seconds: 0, amount: runs, subjects: [gateway.child] },
    requests: [{ method: 'POST', path: '/runs', headers, body }],
  });
  while ((await vendor.counts()).starts < runs) await sleep(100);
  return { gateway, vendor };
}

/** What a poll of each takes in the same seconds, so that what else the machine does falls on both. */
export async function measureVendorFile(bench: Bench): Promise<Measured> {
  bench.say(`${runs} live runs each`);
  const coded = await start(bench, 'intuned', []);
  const filed = await start(bench, 'intuned-by-file', [writeVendorFile(bench.scratch)]);
  await sleep(settleMs);
  const read = async ({ gateway, vendor }: Contestant) => {
    const { observes } = await vendor.counts();
    return { observes, cpuMs: gateway.child.cpuMs() };
  };
  const costs: { readonly coded: number; readonly filed: number }[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const before = [await read(coded), await read(filed)] as const;
    await sleep(roundMs);
    const after = [await read(coded), await read(filed)] as const;
    const costOf = (at: 0 | 1): number =>
      ((after[at].cpuMs - before[at].cpuMs) * 1000) / (after[at].observes - before[at].observes);
    costs.push({ coded: costOf(0), filed: costOf(1) });
  }
  return {
    figures: [
      { name: 'poll of a coded adapter: CPU', value: median(costs.map((each) => each.coded)), unit: 'us' },
      { name: 'poll of a vendor file: CPU', value: median(costs.map((each) => each.filed)), unit: 'us' },
      {
        name: 'poll of a vendor file / of a coded adapter',
        value: median(costs.map((each) => each.filed / each.coded)),
        unit: '',
        bar: atMost(1.15),
        note: 'the same wire, mapping and vendor, in the same seconds',
      },
    ],
  };
}
