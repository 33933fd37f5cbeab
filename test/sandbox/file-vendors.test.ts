import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import type { UpstreamRef } from '../../src/contract/domain/run.ts';
import { type FileVendor, fileVendors } from '../../src/sandbox/faults.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { FileVendorAgent, type FileVendorStartOptions } from './file-vendor-agent.ts';

let sandbox: Sandbox;
let nowMs = 1_800_000_000_000;

beforeEach(async () => {
  sandbox = await startSandbox({ nowMs: () => nowMs });
});
afterEach(() => sandbox.close());

async function open(vendor: FileVendor, script: string, key?: string): Promise<FileVendorAgent> {
  const agent = await FileVendorAgent.open(vendor, { url: sandbox.vendorsUrl, script, ...(key && { key }) });
  onTestFinished(() => agent.close());
  return agent;
}

/** What a server of ours was called with. */
async function listenForPush(): Promise<{ readonly url: string; readonly next: () => Promise<unknown> }> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const next = async (): Promise<unknown> => {
    const [request, response] = await once(server, 'request');
    response.end();
    return await json(request);
  };
  return { url: `http://127.0.0.1:${port}/push`, next };
}

test.each(fileVendors)('a run at the stand-in of %s is live for its time, and then has its output', async (vendor) => {
  const agent = await open(vendor, 'slow');
  const upstream = await agent.start({ ms: 1000, queuedMs: 100, marker: 'the very input' });
  expect(await agent.observe(upstream)).toMatchObject({ kind: 'pending' });
  nowMs += 100;
  expect(await agent.observe(upstream)).toMatchObject({ kind: 'pending' });
  nowMs += 1000;
  const end = await agent.observe(upstream);
  expect(end).toMatchObject({ kind: 'success' });
  expect(JSON.stringify(end)).toContain('the very input');
});

test.each(fileVendors)('a run that fails at the stand-in of %s says why', async (vendor) => {
  const agent = await open(vendor, 'fail');
  const upstream = await agent.start({ message: 'no such page' });
  expect(await agent.observe(upstream)).toMatchObject({ kind: 'failed', description: 'no such page' });
});

test.each(fileVendors)('a live run at the stand-in of %s can be cancelled, once', async (vendor) => {
  const agent = await open(vendor, 'hang');
  const upstream = await agent.start({});
  expect(await agent.observe(upstream)).toMatchObject({ kind: 'pending' });
  await agent.cancel(upstream);
  const end = await agent.observe(upstream);
  expect(end).toMatchObject({ kind: 'failed' });
  nowMs += 10_000;
  await agent.cancel(upstream);
  expect(await agent.observe(upstream)).toEqual(end);
});

test.each(fileVendors)('the stand-in of %s knows only its own runs', async (vendor) => {
  const agent = await open(vendor, 'echo');
  const { runId: _, ...more } = await agent.start({});
  await expect(agent.observe({ ...more, runId: 'unknown' })).rejects.toMatchObject({ consequence: 'gone' });
  const vanish = await open(vendor, 'vanish');
  const gone = await vanish.start({});
  await expect(vanish.observe(gone)).rejects.toMatchObject({ consequence: 'gone' });
});

test.each(fileVendors)('the stand-in of %s wants its key, and an agent that it has', async (vendor) => {
  const stranger = await open(vendor, 'echo', 'another-key');
  await expect(stranger.start({})).rejects.toMatchObject({ consequence: 'rejected', httpStatus: 401 });
  // Any model browses.
  if (vendor === 'browser-use') return;
  await expect((await open(vendor, 'nothing')).start({})).rejects.toMatchObject({ consequence: 'rejected' });
});

test.each(fileVendors)('the stand-in of %s spoils answers as its agents and orders say', async (vendor) => {
  const flaky = await open(vendor, 'flaky');
  const upstream = await flaky.start({ times: 2 });
  await expect(flaky.observe(upstream)).rejects.toMatchObject({ httpStatus: 500 });
  await expect(flaky.observe(upstream)).rejects.toMatchObject({ kind: 'malformed' });
  expect(await flaky.observe(upstream)).toMatchObject({ kind: 'success' });

  const agent = await open(vendor, 'echo');
  await sandbox.orderFault({ vendor, kind: 'cut-after', times: 1 });
  await expect(agent.start({ key: vendor })).rejects.toMatchObject({ consequence: 'unknown' });
  expect(sandbox.starts().get(vendor)).toBe(1);
  await sandbox.orderFault({ vendor, kind: 'refuse' });
  await expect(agent.start({ key: vendor })).rejects.toThrow();
  await sandbox.clearFaults();
  await agent.start({ key: vendor });
  expect(sandbox.starts().get(vendor)).toBe(2);
  expect(sandbox.stats().answers).toMatchObject({ [`${vendor} cut-after`]: 1 });
});

test.each(['a2a', 'langgraph'] as const)(
  'a run at the stand-in of %s asks, and goes on with the answer',
  async (vendor) => {
    const agent = await open(vendor, 'approve');
    const upstream = await agent.start({ question: 'Shall I book it?' });
    const asked = await agent.observe(upstream);
    expect(asked).toMatchObject({ kind: 'interrupted' });
    expect(JSON.stringify(asked)).toContain('Shall I book it?');
    const resumed = await agent.resume(upstream, { approved: true });
    const end = await agent.observe(resumed);
    expect(end).toMatchObject({ kind: 'success' });
    expect(JSON.stringify(end)).toMatch(/approved\\?":true/);
    // What asks for nothing takes no answer.
    await expect(agent.resume(resumed, { approved: false })).rejects.toMatchObject({ consequence: 'rejected' });
  },
);

test('a text is an answer to the stand-in of a2a as well', async () => {
  const agent = await open('a2a', 'approve');
  const upstream = await agent.start({});
  await agent.resume(upstream, 'yes, please');
  expect(JSON.stringify(await agent.observe(upstream))).toMatch(/approved\\":true/);
});

test.each(['a2a', 'langgraph'] as const)('the stand-in of %s lists the run of a start', async (vendor) => {
  const agent = await open(vendor, 'hang');
  const upstream = await agent.start({}, { runId: 'run-1' });
  await agent.start({}, { runId: 'run-2' });
  expect(await agent.find('run-1')).toMatchObject(upstream);
  expect(await agent.find('run-3')).toBe('absent');
});

test('a thread at the stand-in of langgraph takes no second run while the first is live', async () => {
  const agent = await open('langgraph', 'hang');
  await agent.start({}, { runId: 'thread-1' });
  await expect(agent.start({}, { runId: 'thread-1' })).rejects.toMatchObject({ httpStatus: 409 });
});

const pushing = ['apify', 'langgraph', 'replicate'] as const;

test.each(pushing)('the stand-in of %s calls the sink when a run ends, or is ended', async (vendor) => {
  const { url, next } = await listenForPush();
  const started = async (script: string, options: FileVendorStartOptions): Promise<[FileVendorAgent, UpstreamRef]> => {
    const agent = await open(vendor, script);
    return [agent, await agent.start({}, options)];
  };
  const ended = next();
  const [, first] = await started('echo', { sink: url });
  expect(JSON.stringify(await ended)).toContain(first.runId);
  const cancelled = next();
  const [agent, second] = await started('hang', { sink: url });
  await agent.cancel(second);
  expect(JSON.stringify(await cancelled)).toContain(second.runId);
  await expect(started('echo', { sink: 'https://elsewhere.example/push' })).rejects.toMatchObject({ httpStatus: 400 });
});

test('a vendor that has no stand-in is not found', async () => {
  expect((await fetch(`${sandbox.vendorsUrl}/acme/runs`)).status).toBe(404);
});
