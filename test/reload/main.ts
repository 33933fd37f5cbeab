import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { RungateProcess } from '../gateway/process.ts';
import { scraper, writeConfig } from '../gateway/site.ts';
import { IntunedStandIn, secrets } from '../gateway/stand-ins.ts';

// Reloads a gateway over and over while streams are open and runs go on. Nothing may be lost, cut or refused, and nothing of
// earlier configs may stay in its memory. What is in memory is what is left after a collection: the resident memory also grows
// when V8 compiles what has become hot, and with the cache of runs, which is small here.
// `npm run test:reload -- --reloads 1000 --streams 200`

const { values } = parseArgs({
  options: {
    reloads: { type: 'string', default: '1000' },
    streams: { type: 'string', default: '200' },
  },
});
const [reloads, streams] = [Number(values.reloads), Number(values.streams)];
/** A reload that is not seen within this is lost. */
const patienceMs = 30_000;
/** Bytes of the heap by which it may have grown since the first hundred reloads. */
const maxGrowth = 8_000_000;
/** Loaded into the gateway: a signal makes it say how large its heap is after a collection. */
const heapReader = `
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');
let nth = 0;
process.on('SIGUSR2', () => {
  collect();
  nth += 1;
  process.stdout.write(JSON.stringify({ heap: nth, used: process.memoryUsage().heapUsed }) + '\\n');
});`;
const otherKey = 'ik_other-0a1b2c3d4e/y';

const folder = mkdtempSync(join(tmpdir(), 'rungate-reloads-'));
const vendor = await IntunedStandIn.open();
vendor.apiKeys.add(otherKey);
vendor.plan = ({ body }) =>
  isShort(body) ? ({ status: 'completed', result: 'short' } as JsonObject) : { status: 'started' };
const keyFile = join(folder, 'key.txt');
const file = join(folder, 'rungate.yaml');

/** Each variant differs from its neighbours in something else: an agent, a mapping, a limit, a key. */
function writeVariant(n: number): void {
  writeWhole(keyFile, n % 3 === 0 ? secrets.apiKey : otherKey);
  const mapping = { output: `{ 'is': result, 'variant': ${n} }` };
  const agents: JsonObject[] = [
    { ...scraper, mapping },
    { ...scraper, name: 'steady' },
  ];
  if (n % 2 === 0) agents.push({ ...scraper, name: 'comes-and-goes' });
  const backend = {
    apiKey: `\${FILE:${keyFile}}`,
    maxConcurrentRuns: 1000 + (n % 5),
    requestsPerSecond: 2000 + (n % 7),
  };
  const sections = {
    server: { port: 0, metrics: true },
    limits: { cacheRuns: 100 },
    log: { level: 'warn' },
    pacing: { floorMs: 20, watchedCeilingMs: 200, ceilingMs: 400 },
  };
  writeWhole(
    file,
    writeConfig(
      { intuned: vendor, agents, backend, sections: { ...sections, log: { level: 'info' } }, keeps: true },
      folder,
    ),
  );
}

/** As editors and secret stores do: half a file is never read. */
function writeWhole(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

function isShort(body: unknown): boolean {
  return JSON.stringify(body).includes('short');
}

writeVariant(0);
const gateway = new RungateProcess(['serve', '--config', file, '--port', '0'], folder, {
  NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(heapReader)}`,
});
const { url } = await gateway.client();
const failures: string[] = [];
let isOver = false;

async function create(agent: string, input: JsonObject): Promise<string> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${url}/runs`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ agent_id: agent, input }),
  });
  if (answer.status !== 200) throw new Error(`a run was refused: ${answer.status} ${await answer.text()}`);
  return ((await answer.json()) as { run_id: string }).run_id;
}

/** Reads a stream to its end; a run that ends by the stand-in's word is what ends it. */
async function follow(runId: string): Promise<void> {
  const answer = await fetch(`${url}/runs/${runId}/stream`);
  if (answer.status !== 200 || answer.body === null) throw new Error(`a stream was refused: ${answer.status}`);
  let text = '';
  for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) text += chunk;
  if (!text.includes('"status":"success"'))
    throw new Error(`a stream ended without the end of its run: ${text.slice(-200)}`);
}

let done = 0;
async function runShort(): Promise<void> {
  while (!isOver) {
    const runId = await create(done % 2 === 0 ? 'price-scraper' : 'steady', { kind: 'short', n: done });
    const answer = await fetch(`${url}/runs/${runId}/output?block_timeout=30`);
    const body = (await answer.json()) as { status?: string };
    if (body.status !== 'success') throw new Error(`a run did not end well: ${JSON.stringify(body)}`);
    done += 1;
  }
}

function noteFailure(error: unknown): void {
  failures.push(error instanceof Error ? error.message : String(error));
}

async function readMetric(name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
}

const heaps: number[] = [];

/** Bytes in use after a collection, one after the other. */
async function readHeap(): Promise<void> {
  gateway.kill('SIGUSR2');
  heaps.push(Number(await gateway.said(new RegExp(`"heap":${heaps.length + 1},"used":(\\d+)`))));
}

let hash = await readHash();

async function readHash(): Promise<string | undefined> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return /config_hash="(\w+)"/.exec(text)?.[1];
}

/** Resolves once another config is in force. */
async function awaitChange(): Promise<void> {
  const untilMs = performance.now() + patienceMs;
  while (performance.now() < untilMs) {
    const next = await readHash();
    if (next !== hash) {
      hash = next;
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  noteFailure(new Error('a reload was not taken'));
}

const longRuns = await Promise.all(Array.from({ length: streams }, (_, n) => create('steady', { kind: 'long', n })));
const readers = longRuns.map((runId) => follow(runId).catch(noteFailure));
const workers = Array.from({ length: 4 }, () => runShort().catch(noteFailure));
const residentBefore = await readMetric('process_resident_memory_bytes');
const sinceMs = performance.now();
for (let n = 1; n <= reloads && failures.length === 0; n += 1) {
  writeVariant(n);
  gateway.kill('SIGHUP');
  await awaitChange();
  if (n % 100 === 0) {
    await readHeap();
    const [used, resident] = [heaps.at(-1) ?? 0, await readMetric('process_resident_memory_bytes')];
    process.stdout.write(
      `${n} reloads, ${done} short runs, heap ${(used / 1e6).toFixed(1)} MB, resident ${Math.round(resident / 1e6)} MB\n`,
    );
  }
}
const tookS = (performance.now() - sinceMs) / 1000;
isOver = true;
await Promise.all(workers);
for (const run of vendor.runs) if (!isShort(run.asked.body)) run.say({ status: 'completed', result: 'long' });
await Promise.all(readers);
const residentAfter = await readMetric('process_resident_memory_bytes');
const taken = await readMetric('rungate_config_last_reload_success');
gateway.kill('SIGTERM');
const { out, code } = await gateway.exit();
const applied = out.split('"config reloaded"').length - 1;
const refused = out.split('"config refused').length - 1;
const growth = heaps.length < 2 ? 0 : (heaps.at(-1) ?? 0) - (heaps[0] ?? 0);
const report = {
  ...{ reloads, applied, refused, tookS: Math.round(tookS), streams, shortRuns: done, starts: vendor.runs.length },
  ...{
    expectedStarts: done + streams,
    residentBefore,
    residentAfter,
    growth,
    lastTaken: taken,
    exitCode: code,
    failures,
  },
};
process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);

await vendor[Symbol.asyncDispose]();
const isComplete = failures.length === 0 && refused === 0 && report.starts === report.expectedStarts;
const isClean = isComplete && growth <= maxGrowth && code === 0;

rmSync(folder, { recursive: true, force: true });
process.exitCode = isClean ? 0 : 1;
