import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { afterEach, expect, test, vi } from 'vitest';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import type { FaultPlan, FrontendFault } from '../../src/sandbox/temporal/faults.ts';
import { startTemporal, type TemporalServer } from '../../src/sandbox/temporal/temporal-server.ts';
import { authority, clientMaterial, serverMaterial } from '../upstream/tls-material.ts';
import { openSite, type Site } from './site.ts';

vi.setConfig({ testTimeout: 60_000 });

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function startServer(faults: FaultPlan = () => null): Promise<TemporalServer> {
  const server = await startTemporal({ faults });
  stops.push(server.close);
  return server;
}

async function openGateway(backend: JsonObject): Promise<Site> {
  const site = await openSite({
    backends: { flows: { adapter: 'temporal', ...backend } },
    agents: [{ name: 'planned', backend: 'flows', target: { workflow: 'Planned', taskQueue: 'q' } }],
  });
  stops.push(site.stop);
  return site;
}

const create = (site: Site, plan: JsonObject) => site.client.create({ agent_id: 'planned', input: plan } as JsonObject);

/** Takes TLS off in front of a server, from those alone who show a certificate of our authority. */
async function startTlsFront(target: string): Promise<{ readonly url: string; readonly names: string[] }> {
  const names: string[] = [];
  const sockets = new Set<TLSSocket>();
  const options = { ...serverMaterial, ca: authority, requestCert: true, rejectUnauthorized: true };
  const server = createServer({ ...options, ALPNProtocols: ['h2'] }, (socket) => {
    names.push(String(socket.getPeerCertificate().subject.CN));
    sockets.add(socket.on('error', () => {}));
    const inner = connect(Number(new URL(target).port), '127.0.0.1').on('error', () => {});
    socket.pipe(inner).pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stops.push(async () => {
    server.close();
    for (const socket of sockets) socket.destroy();
    await once(server, 'close');
  });
  return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, names };
}

test('a backend with a client certificate runs workflows behind TLS, and one without starts nothing there', async () => {
  const server = await startServer();
  const { url, names } = await startTlsFront(server.grpcUrl);
  const trust = { ca: authority, serverName: 'vendor.test' };
  const site = await openGateway({ baseUrl: url, tls: { ...trust, ...clientMaterial } });
  const run = await create(site, { ms: 10, result: 'behind TLS' });
  expect(await site.client.output(run.run_id)).toMatchObject({ type: 'result', result: 'behind TLS' });
  expect(new Set(names)).toEqual(new Set(['client.test']));
  const stranger = await openGateway({ baseUrl: url, tls: trust });
  const other = await create(stranger, { ms: 10, key: 'stranger' });
  await expect.poll(() => stranger.log.some(({ msg }) => msg === 'vendor call failed'), { timeout: 30_000 }).toBe(true);
  expect((await stranger.client.read(other.run_id)).status).toBe('pending');
  expect(server.starts().has('stranger')).toBe(false);
});

test('starts that are refused, cut, late or the last of their connection give each run once, with its result', async () => {
  const kinds: readonly FrontendFault[] = [
    { kind: 'refuse-stream' },
    { kind: 'cut-after' },
    { kind: 'goaway' },
    { kind: 'late', ms: 200 },
    { kind: 'cut-before' },
    { kind: 'status', code: 14 },
    { kind: 'malformed' },
    { kind: 'status', code: 8 },
  ];
  const server = await startServer(({ method, count }) =>
    method === 'StartWorkflowExecution' ? (kinds[count] ?? null) : null,
  );
  const site = await openGateway({ baseUrl: server.grpcUrl });
  const keys = Array.from({ length: 24 }, (_, index) => `key ${index}`);
  const runs = await Promise.all(keys.map((key) => create(site, { ms: 50, key, result: key })));
  const outputs = await Promise.all(runs.map(({ run_id }) => site.client.output(run_id)));
  expect(outputs.map(({ result }) => result)).toEqual(keys);
  expect([...server.starts().values()]).toEqual(keys.map(() => 1));
  expect(server.calls.get('StartWorkflowExecution')).toBeGreaterThan(keys.length);
});

test('a held call that is cut or refused brings no end but the one that came', async () => {
  const server = await startServer(({ method, count }) => {
    if (method !== 'GetWorkflowExecutionHistory') return null;
    return count === 0 ? { kind: 'cut-before' } : count === 1 ? { kind: 'refuse-stream' } : null;
  });
  const site = await openGateway({ baseUrl: server.grpcUrl });
  const run = await create(site, { ms: 4000, result: 'late' });
  expect(await site.client.output(run.run_id)).toMatchObject({ type: 'result', result: 'late' });
  expect(server.calls.get('StartWorkflowExecution')).toBe(1);
});
