// The vendor's stand-in, which also writes down when each call came: a budget is kept or not at the vendor.
import { subscribe } from 'node:diagnostics_channel';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { startSandbox } from '../../src/sandbox/sandbox.ts';

const sandbox = await startSandbox();
const { pathname: root } = new URL(sandbox.intunedUrl);
const arrivalsMs: number[] = [];
// Calls that wait behind a stall of this process seem to come together: a reader must know how long the stalls were.
const delay = monitorEventLoopDelay({ resolution: 5 });

subscribe('http.server.request.start', (message) => {
  const { request } = message as { readonly request: IncomingMessage };
  if (request.url?.startsWith(root)) arrivalsMs.push(performance.now());
});

const meter = createServer((_request, response) => {
  response.end(JSON.stringify({ nowMs: performance.now(), arrivalsMs, maxStallMs: delay.max / 1e6 }));
});
meter.listen({ port: 0, host: '127.0.0.1' }, () => {
  delay.enable();
  const { port } = meter.address() as AddressInfo;
  process.stdout.write(`vendor: ${sandbox.intunedUrl} ${sandbox.controlUrl} http://127.0.0.1:${port}\n`);
});
process.once('SIGTERM', () => process.exit());
