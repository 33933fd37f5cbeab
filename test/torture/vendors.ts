/**
 * The sandbox as a process of its own, with a record of when each run was looked at first. The record is taken from
 * Node's own announcement of a request, so the sandbox is the one that users get.
 */
import { subscribe } from 'node:diagnostics_channel';
import { createServer, IncomingMessage } from 'node:http';
import { z } from 'zod';
import { startSandbox } from '../../src/sandbox/sandbox.ts';
import { taggedWire } from './tagged/wire.ts';

const host = '127.0.0.1';
/** The id stands at the end of an observation's path, or before Intuned's `result`. */
const observed = /\/(?:held-)?([^/]+?)(?:\/result)?$/;
const announcement = z.object({ request: z.instanceof(IncomingMessage) });
const bound = z.object({ port: z.number() });

/** By the vendor's run id; empty after each mark, so that it never holds more than the runs of one recovery. */
const firstLooks = new Map<string, number>();

subscribe('http.server.request.start', (message) => {
  const { request } = announcement.parse(message);
  const runId = request.method === 'GET' ? observed.exec(request.url ?? '')?.[1] : undefined;
  if (runId !== undefined && !firstLooks.has(runId)) firstLooks.set(runId, Date.now());
});

const sandbox = await startSandbox({ makeWire: taggedWire, maxFinishedRuns: 100_000, keepFinishedMs: 3_600_000 });

/** `POST` forgets all looks; `GET` lists those since then. */
const looks = createServer((request, response) => {
  if (request.method === 'POST') firstLooks.clear();
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify([...firstLooks]));
}).listen(0, host, () => {
  const { port } = bound.parse(looks.address());
  const urls = {
    intuned: sandbox.intunedUrl,
    restack: sandbox.restackUrl,
    tagged: sandbox.ownUrl,
    control: sandbox.controlUrl,
  };
  process.stdout.write(`${JSON.stringify({ ...urls, looks: `http://${host}:${port}` })}\n`);
});
