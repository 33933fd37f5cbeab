import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { Bench } from '../bench.ts';
import type { Child } from '../child.ts';
import { atMost, type Figure, type Measured, percentile } from '../figures.ts';
import { neverLooks, startGateway } from '../gateway.ts';
import { openStream, type StreamClient } from '../stream-client.ts';
import { startBareKoa } from './create.ts';

const many = 5000;
const watchers = 1000;
/** The gateway's heartbeat comes once in it. */
const idleMs = 15_000;
/** Fewer than the backlog that the kernel allows a busy server. */
const openedAtOnce = 100;
const created = z.object({ run_id: z.string() });

type Subject = { readonly child: Child; readonly url: string };

/** Open event streams: memory and processor time of idle ones, and how soon all of them have an event. */
export async function measureStreams(bench: Bench): Promise<Measured> {
  const { vendor, scratch } = bench;
  const gateway = await bench.use(
    startGateway({ name: 'streams', scratch, vendorUrl: vendor.url, pacing: neverLooks }),
  );
  const runId = await createRun(gateway.url);
  const bareKoa = await bench.use(startBareKoa(await fetchBeginning(`${gateway.url}/runs/${runId}/stream`)));
  bench.say(`${many} streams of a bare Koa handler`);
  const bare = await hold(bareKoa, runId, '"running"');
  bench.say(`${many} streams of the gateway`);
  const ours = await hold(gateway, runId, '"running"');
  const [bareShare = Number.NaN, ourShare = Number.NaN] = await measureIdle([bareKoa.child, gateway.child]);
  for (const client of bare.clients) client.close();
  const toAll = await endRun(gateway, runId, ours.clients);
  bench.say(`${watchers} watchers, ${bench.rounds} rounds of each`);
  const lagsMs: number[] = [];
  const bareLagsMs: number[] = [];
  for (let round = 0; round < bench.rounds; round += 1) {
    lagsMs.push(...(await endWatched(gateway, await createRun(gateway.url))));
    bareLagsMs.push(...(await endWatched(bareKoa, runId)));
  }
  const p99Ms = percentile(lagsMs, 0.99);
  const bareP99Ms = percentile(bareLagsMs, 0.99);
  const figures: readonly Figure[] = [
    { name: `streams: memory of one of ${many}, idle`, value: ours.bytesEach / 1024, unit: 'KiB' },
    { name: 'streams: memory of one, bare Koa handler', value: bare.bytesEach / 1024, unit: 'KiB' },
    { name: 'streams / bare Koa handler, memory', value: ours.bytesEach / bare.bytesEach, unit: '', bar: atMost(1.25) },
    { name: `streams: CPU of ${many}, idle`, value: ourShare * 100, unit: '%', bar: atMost(3) },
    { name: 'streams: CPU idle, bare Koa handler', value: bareShare * 100, unit: '%' },
    { name: `streams: one event to all ${many}`, value: Math.max(...toAll), unit: 'ms', note: sinceRequest },
    { name: `streams: one event to ${watchers}, p50`, value: percentile(lagsMs, 0.5), unit: 'ms', note: sinceRequest },
    {
      name: `streams: one event to ${watchers}, p99`,
      value: p99Ms,
      unit: 'ms',
      note: sinceRequest,
    },
    { name: 'streams: the same, bare Koa handler, p50', value: percentile(bareLagsMs, 0.5), unit: 'ms' },
    { name: 'streams: the same, bare Koa handler, p99', value: bareP99Ms, unit: 'ms' },
    { name: 'streams / bare Koa handler, p99', value: p99Ms / bareP99Ms, unit: '', bar: atMost(1.3) },
  ];
  return { figures };
}

const sinceRequest = 'since the request that ended the run was sent, so with its own commit';

async function hold({ child, url }: Subject, runId: string, firstEvent: string) {
  const subject = { child, url };
  // Leaves out what only the first streams cost.
  const warmUp = await openMany(subject, 200, runId, firstEvent);
  for (const client of warmUp) client.close();
  await collectGarbage(child);
  const bytesBefore = child.residentBytes();
  const clients = await openMany(subject, many, runId, firstEvent);
  await collectGarbage(child);
  const bytesEach = (child.residentBytes() - bytesBefore) / many;
  return { clients, bytesEach };
}

/** Shares of a processor, in the order of the processes. */
async function measureIdle(children: readonly Child[]): Promise<readonly number[]> {
  const before = children.map((child) => child.cpuMs());
  await sleep(idleMs);
  return children.map((child, at) => (child.cpuMs() - (before[at] ?? 0)) / idleMs);
}

/** In each round the readers are new, and those of the other server are gone. */
async function endWatched(subject: Subject, runId: string): Promise<readonly number[]> {
  return await endRun(subject, runId, await openMany(subject, watchers, runId, '"running"'));
}

async function openMany({ url }: Subject, count: number, runId: string, firstEvent: string) {
  const clients: StreamClient[] = [];
  while (clients.length < count) {
    const opened = Array.from({ length: Math.min(openedAtOnce, count - clients.length) }, () =>
      openStream(new URL(url), runId),
    );
    await Promise.all(opened.map((client) => client.whenSeen(firstEvent)));
    clients.push(...opened);
  }
  return clients;
}

/** Ends the run by deleting it. Until each of its readers has the last event, in milliseconds since the request. */
async function endRun({ url }: Subject, runId: string, clients: readonly StreamClient[]): Promise<readonly number[]> {
  const seen = Promise.all(clients.map((client) => client.whenSeen('"type":"error"')));
  const sentMs = performance.now();
  const { status } = await fetch(`${url}/runs/${runId}`, { method: 'DELETE' });
  if (status !== 200) throw new Error(`the run could not be deleted: ${status}`);
  const atMs = await seen;
  for (const client of clients) client.close();
  return atMs.map((each) => each - sentMs);
}

/** What an idle stream has sent, up to the event after which nothing follows. */
async function fetchBeginning(url: string) {
  const leaving = new AbortController();
  const { headers, body } = await fetch(url, { signal: leaving.signal });
  let text = '';
  for await (const chunk of body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk;
    if (text.includes('"running"') && text.endsWith('\n\n')) break;
  }
  leaving.abort();
  return { headers, body: text };
}

async function createRun(url: string): Promise<string> {
  const body = JSON.stringify({ agent_id: 'hang', input: {} });
  const answer = await fetch(`${url}/runs`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  return created.parse(await answer.json()).run_id;
}

/** Twice, with time for the system to take back what was freed. */
async function collectGarbage(child: Child): Promise<void> {
  for (let times = 0; times < 2; times += 1) {
    child.signal('SIGUSR2');
    await sleep(700);
  }
}
