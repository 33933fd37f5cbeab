import { once } from 'node:events';
import { createServer as createHttps } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { afterEach, expect, test } from 'vitest';
import { z } from 'zod';
import type { TlsOptions } from '../../src/contract/adapter/http-client.ts';
import { connectUpstream, type Upstream } from '../../src/upstream/connect.ts';
import { faultOf } from '../adapters/adapter-contract.ts';
import { grpcAnswer, startGrpcVendor } from './grpc-vendor.ts';
import { rpc } from './rpc-rig.ts';
import { authority, clientMaterial, serverMaterial } from './tls-material.ts';
import { upstreamOptions } from './upstream-options.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

/** A server whose certificate is for `vendor.test`, and that asks for one of ours. */
async function startTlsVendor(options: { readonly requestCert?: boolean } = {}) {
  const vendor = await startGrpcVendor({ tls: { ...serverMaterial, ca: authority, ...options } });
  stops.push(vendor.stop);
  return vendor;
}

function connect(baseUrl: string, tls: TlsOptions | undefined): Upstream {
  const upstream = connectUpstream({ ...upstreamOptions, baseUrl, tls });
  stops.push(upstream.close);
  return upstream;
}

test('gRPC over TLS is spoken with a server of our authority and name', async () => {
  const vendor = await startTlsVendor();
  const upstream = connect(vendor.url, { ca: authority, serverName: 'vendor.test' });
  expect((await rpc(upstream)).body).toBe('pong');
  expect(vendor.received[0]?.headers[':scheme']).toBe('https');
  await expect.poll(() => upstream.client.maxHeldRpcs()).toBe(6400);
});

test.each([
  [
    'no authority that signed it',
    undefined,
    "the vendor's certificate is signed by no authority that the gateway knows",
  ],
  ['another name', { ca: authority }, "the vendor's certificate is for another host name"],
] as const)('a server certificate with %s is a retry that sends nothing', async (_what, tls, message) => {
  const vendor = await startTlsVendor();
  const fault = await faultOf(rpc(connect(vendor.url, tls)));
  expect(fault).toMatchObject({ consequence: 'retry', kind: 'refused', message });
  expect(vendor.received).toEqual([]);
});

test('our certificate and key are shown to a server that asks for them', async () => {
  const vendor = await startTlsVendor({ requestCert: true });
  vendor.reply = (stream, received) => {
    const socket = stream.session?.socket as TLSSocket | undefined;
    grpcAnswer(String(socket?.getPeerCertificate().subject?.CN))(stream, received);
  };
  const base = { ca: authority, serverName: 'vendor.test' };
  expect((await rpc(connect(vendor.url, { ...base, ...clientMaterial }))).body).toBe('client.test');
});

test('a server with TLS that does not choose HTTP/2 is refused before anything is sent', async () => {
  const requests: unknown[] = [];
  const server = createHttps({ ...serverMaterial, ALPNProtocols: ['http/1.1'] }, (request, response) => {
    requests.push(request);
    response.end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stops.push(async () => {
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  });
  const { port } = server.address() as AddressInfo;
  const upstream = connect(`https://127.0.0.1:${port}`, { ca: authority, serverName: 'vendor.test' });
  const fault = await faultOf(rpc(upstream));
  expect(fault).toMatchObject({ consequence: 'retry', message: 'the vendor does not speak HTTP/2 at this port' });
  expect(requests).toEqual([]);
  // The same options serve calls over HTTP/1.1.
  await upstream.client.call({
    ...{ purpose: 'observe', retry: 'safe', method: 'GET', path: '/', answer: z.unknown(), errorMessage: () => null },
  });
  expect(requests).toHaveLength(1);
});

test('a certificate or key that is none is refused when the client is made', () => {
  expect(() => connect('https://127.0.0.1:1', { cert: 'none', key: 'none' })).toThrow();
});
