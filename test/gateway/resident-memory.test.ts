import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { openStore } from '../../src/store/open.ts';
import { makeEvent, makeRun, nextVersion, silentLog } from '../store/runs.ts';
import { makeCheckpoint, makeThread } from '../store/threads.ts';
import { RungateProcess } from './process.ts';
import { scraper, writeConfig } from './site.ts';
import { IntunedStandIn } from './stand-ins.ts';

const tenant = 'default';
const large = 'x'.repeat(9 * 1024 * 1024);
const maxResidentMb = 512;
const threadId = uuidv7();
/** Runs with large outputs, of which the first is the one that many read. */
const runIds = Array.from({ length: 24 }, () => uuidv7());
const [runId = ''] = runIds;

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const folder = mkdtempSync(join(tmpdir(), 'rungate-memory-'));
let intuned: IntunedStandIn;
let file = '';

beforeAll(async () => {
  intuned = await IntunedStandIn.open();
  file = join(folder, 'rungate.yaml');
  writeFileSync(
    file,
    writeConfig({ intuned, agents: [scraper], keeps: true, sections: { log: { level: 'info' } } }, folder),
  );
  const store = await openStore(`sqlite:${join(folder, 'runs.db')}`, { log: silentLog });
  await store.threads.insertThread(makeThread({ threadId, tenant }));
  for (const id of runIds) {
    const run = makeRun({ tenant, runId: id, threadId: id === runId ? threadId : null });
    const admission = run.threadId === null ? undefined : { refuseBusy: false };
    await store.insert(run, [makeEvent(run)], undefined, admission);
    const outcome = { kind: 'result', value: { large, id } } as const;
    const end = { runId: id, seq: 2, atMs: run.updatedAtMs, status: 'success', change: outcome } as const;
    const done = nextVersion(run, { phase: 'done', status: 'success', outcome, lastSeq: 2 });
    const thread = run.threadId === null ? undefined : ({ status: 'idle', release: true } as const);
    await store.update({ run: done, expectedVersion: 1, events: [end], thread });
    const found = await store.threads.findThread({ tenant, threadId });
    const checkpoint = makeCheckpoint(threadId, { values: { large, id } });
    if (found !== null) await store.threads.updateThread({ ...found, values: { large } }, found.version, checkpoint);
  }
  const input = { long: 'y'.repeat(1_000_000) };
  for (let n = 0; n < 300; n++) await store.insert(makeRun({ tenant, phase: 'done', request: { input } }), []);
  await store.close();
});

afterAll(async () => {
  await intuned[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** The most memory that a process had at once, in MB; null where the system does not tell it. */
function peakMbOf(pid: number): number | null {
  const status = `/proc/${pid}/status`;
  if (!existsSync(status)) return null;
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(status, 'utf8'))?.[1]) / 1024;
}

/** Sends a request and reads nothing of the answer; resolves once some of it has come. */
async function askLazily(url: URL, request: string): Promise<Socket> {
  const socket = connect({ port: Number(url.port), host: url.hostname });
  socket.on('error', () => {});
  socket.write(request);
  const answered = Promise.race([once(socket, 'readable'), once(socket, 'close')]);
  await answered;
  return socket;
}

function formatRequest(url: URL, method: string, path: string, body?: object): string {
  const text = body === undefined ? '' : JSON.stringify(body);
  const type =
    body === undefined ? '' : `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\n`;
  return `${method} ${path} HTTP/1.1\r\nHost: ${url.host}\r\n${type}\r\n${text}`;
}

type Attack = {
  readonly name: string;
  /** Requests, one a connection; those of a list are sent at once on one connection. */
  readonly connections: (url: URL) => readonly string[];
};

const get =
  (path: string, times = 60) =>
  (url: URL) =>
    Array.from({ length: times }, () => formatRequest(url, 'GET', path));
const post =
  (path: string, body: object, times = 60) =>
  (url: URL) =>
    Array.from({ length: times }, () => formatRequest(url, 'POST', path, body));
const everyRun = (pathOf: (id: string) => string) => (url: URL) =>
  [...runIds, ...runIds, ...runIds].map((id) => formatRequest(url, 'GET', pathOf(id)));

const attacks: readonly Attack[] = [
  { name: 'streams of one run', connections: get(`/runs/${runId}/stream`) },
  { name: 'streams of one run in ACP 0.2', connections: get(`/acp/v0.2/runs/${runId}/stream`) },
  { name: 'outputs of one run', connections: get(`/runs/${runId}/output`) },
  { name: 'outputs of many runs', connections: everyRun((id) => `/runs/${id}/output`) },
  { name: 'waits for one run', connections: get(`/acp/v0.2/runs/${runId}/wait`) },
  { name: 'waits for many runs', connections: everyRun((id) => `/agent-protocol/runs/${id}/wait`) },
  {
    name: 'a hundred outputs of many runs on each of three connections',
    connections: (url) =>
      Array.from({ length: 3 }, () =>
        Array.from({ length: 100 }, (_, n) =>
          formatRequest(url, 'GET', `/runs/${runIds[n % runIds.length]}/output`),
        ).join(''),
      ),
  },
  { name: 'states of a thread', connections: get(`/agent-protocol/threads/${threadId}`) },
  { name: 'histories of a thread', connections: get(`/acp/v0.2/threads/${threadId}/history?limit=1000`) },
  {
    name: 'streams of a thread',
    connections: post(`/agent-protocol/threads/${threadId}/stream`, { channels: ['values', 'messages'], since: 0 }),
  },
  { name: 'lists of large runs', connections: post('/runs/search', { limit: 1000, select: ['input'] }) },
  { name: 'lists of large runs without their inputs', connections: post('/runs/search', { limit: 1000 }) },
  {
    name: 'searches for threads with their values',
    connections: post('/acp/v0.2/threads/search', { limit: 1000, select: ['values'] }),
  },
];

describe.skipIf(peakMbOf(process.pid) === null)('a gateway', () => {
  test.each(attacks)('whose clients do not read $name stays small and answers others', async ({ connections }) => {
    await using gateway = new RungateProcess(['serve', '--config', file, '--port', '0'], folder);
    const client = await gateway.client();
    const url = new URL(client.url);
    const lazy = await Promise.all(connections(url).map((request) => askLazily(url, request)));
    const { run_id } = await client.create({ agent_id: 'price-scraper', input: { n: 1 } });
    expect(await client.read(run_id)).toMatchObject({ run_id });
    expect(peakMbOf(gateway.pid)).toBeLessThan(maxResidentMb);
    for (const socket of lazy) socket.destroy();
  });

  test('with two hundred waits for one large output gives it to all and stays small', async () => {
    await using gateway = new RungateProcess(['serve', '--config', file, '--port', '0'], folder);
    const client = await gateway.client();
    const before = intuned.runs.length;
    const { run_id } = await client.create({ agent_id: 'price-scraper', input: { n: 1 } });
    const path = `/agent-protocol/runs/${run_id}/wait`;
    const vendor = await intuned.bell.until(() => intuned.runs[before]);
    const waits = Array.from({ length: 200 }, async () => {
      const answer = await fetch(`${client.url}${path}`);
      let length = 0;
      for await (const chunk of answer.body ?? []) length += chunk.length;
      return [answer.status, length > large.length];
    });
    await vendor.seen();
    vendor.say({ status: 'completed', result: { large } });
    expect(new Set((await Promise.all(waits)).map(String))).toEqual(new Set(['200,true']));
    expect(peakMbOf(gateway.pid)).toBeLessThan(maxResidentMb);
  });

  test('to which many bodies come slowly refuses further ones and stays small', async () => {
    await using gateway = new RungateProcess(['serve', '--config', file, '--port', '0'], folder);
    const client = await gateway.client();
    const url = new URL(client.url);
    const length = 1_000_000;
    const head = `POST /runs HTTP/1.1\r\nHost: ${url.host}\r\nContent-Type: application/json\r\n`;
    const body = `{"input":{"a":"${'z'.repeat(length - 100)}`;
    const slow = Array.from({ length: 300 }, async (_, n) => {
      const framing =
        n % 2 === 0
          ? `Content-Length: ${length}\r\n\r\n`
          : `Transfer-Encoding: chunked\r\n\r\n${length.toString(16)}\r\n`;
      const socket = connect({ port: Number(url.port), host: url.hostname });
      socket.on('error', () => {});
      await new Promise<void>((resolve) => socket.write(`${head}${framing}${body}`, () => resolve()));
      return socket;
    });
    const sockets = await Promise.all(slow);
    const refused = await Promise.race(
      sockets.map((socket) => once(socket, 'readable').then(() => socket.read() as Buffer)),
    );
    expect(refused.toString()).toMatch(/^HTTP\/1.1 429 .*Retry-After: 1\r\n.*too many bodies/s);
    // A small one is taken once others are gone.
    for (const socket of sockets) socket.destroy();
    await vi.waitFor(
      async () => expect(await client.create({ agent_id: 'price-scraper' })).toMatchObject({ status: 'pending' }),
      { timeout: 30_000 },
    );
    expect(peakMbOf(gateway.pid)).toBeLessThan(maxResidentMb);
  });
});
