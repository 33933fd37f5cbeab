import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { noExceptions, parseExceptions } from '../../src/upstream/ssrf-address.ts';
import { createOutboundClient, type OutboundClient } from '../../src/upstream/ssrf-client.ts';
import { startNameServer } from './name-server.ts';

/** Who was asked, by the address that the connection came in on. */
const received: string[] = [];
let receiver: Server;
let port = 0;

/** Stands for the public internet; every other address of the machine is as private as it is. */
const publicAddress = '127.0.0.2';
const stoodFor = parseExceptions([publicAddress]);

beforeAll(async () => {
  receiver = createServer((request, response) => {
    received.push(`${request.socket.localAddress} ${request.headers.host} ${request.url}`);
    if (request.url === '/redirect') response.writeHead(307, { Location: `http://127.0.0.1:${port}/inner` }).end();
    else if (request.url === '/later') response.writeHead(503, { 'Retry-After': '7' }).end();
    else if (request.url === '/endless') response.write('x'.repeat(100_000));
    else if (request.url !== '/silent') response.writeHead(200, { Connection: 'close' }).end('thanks');
  });
  receiver.listen(0, '0.0.0.0');
  await once(receiver, 'listening');
  port = z.object({ port: z.number() }).parse(receiver.address()).port;
});

afterAll(() => {
  receiver.closeAllConnections();
  receiver.close();
});

const post = (client: OutboundClient, url: string, signal = new AbortController().signal) =>
  client.post({ url, headers: { 'content-type': 'application/json' }, body: '{}', signal });

function clientOf(changes: Partial<Parameters<typeof createOutboundClient>[0]> = {}): OutboundClient {
  return createOutboundClient({ exceptions: stoodFor, connectTimeoutMs: 5000, timeoutMs: 10_000, ...changes });
}

describe('the guarded client', () => {
  test.each(['127.0.0.1', '2130706433', '0x7f.1', '017700000001', '[::ffff:127.0.0.1]', '[::1]', 'localhost', '0'])(
    'the guarded client opens no connection to %s',
    async (host) => {
      const client = clientOf({ exceptions: noExceptions });
      const before = received.length;
      const { kind } = await post(client, `http://${host}:${port}/`);
      // No name server knows localhost, or one says where it leads: neither is followed.
      expect(['forbidden', 'failed']).toContain(kind);
      if (host !== 'localhost') expect(kind).toBe('forbidden');
      expect(received.length).toBe(before);
      await client.close();
    },
  );

  test('the guarded client connects to the address that was checked, even if the name resolves differently later', async () => {
    await using names = await startNameServer((_, asked) => [asked % 2 === 0 ? publicAddress : '127.0.0.1']);
    const client = clientOf({ nameServers: [names.address] });
    const before = received.length;
    const url = `http://rebinding.example:${port}/hook`;
    expect(await post(client, url)).toEqual({ kind: 'answered', status: 200, retryAfterMs: null });
    expect(names.asked.get('rebinding.example')).toBe(1);
    expect(received.slice(before)).toEqual([`${publicAddress} rebinding.example:${port} /hook`]);
    const again = await post(client, url);
    expect(again).toEqual({ kind: 'forbidden', reason: 'rebinding.example leads to an address that is not public' });
    expect(received.length).toBe(before + 1);
    await client.close();
  });

  test('the guarded client refuses a name with one forbidden address among allowed ones', async () => {
    await using names = await startNameServer(() => [publicAddress, '10.0.0.1']);
    const client = clientOf({ nameServers: [names.address] });
    expect((await post(client, `http://split.example:${port}/`)).kind).toBe('forbidden');
    await client.close();
  });

  test.each(['169.254.169.254', '0.0.0.0', '100.64.0.1', '224.0.0.1'])(
    'the guarded client refuses a name that leads to %s',
    async (address) => {
      await using names = await startNameServer(() => [address]);
      const client = clientOf({ nameServers: [names.address] });
      expect((await post(client, `http://inner.example:${port}/`)).kind).toBe('forbidden');
      await client.close();
    },
  );

  test('the guarded client checks a name with a trailing dot, with TLS as well', async () => {
    await using names = await startNameServer(() => ['127.0.0.1']);
    const client = clientOf({ nameServers: [names.address] });
    expect((await post(client, `http://dotted.example.:${port}/`)).kind).toBe('forbidden');
    expect((await post(client, `https://dotted.example:${port}/`)).kind).toBe('forbidden');
    await client.close();
  });

  test('the guarded client follows no redirect', async () => {
    const client = clientOf();
    const before = received.length;
    expect(await post(client, `http://${publicAddress}:${port}/redirect`)).toMatchObject({ status: 307 });
    expect(received.slice(before)).toEqual([`${publicAddress} ${publicAddress}:${port} /redirect`]);
    await client.close();
  });

  test('the guarded client trusts a host that the operator named, wherever it leads', async () => {
    const client = clientOf({ exceptions: parseExceptions(['localhost']) });
    expect(await post(client, `http://localhost:${port}/`)).toMatchObject({ kind: 'answered', status: 200 });
    expect((await post(client, `http://127.0.0.1:${port}/`)).kind).toBe('forbidden');
    await client.close();
  });

  test('the guarded client reports Retry-After and does not read an endless answer to its end', async () => {
    const client = clientOf();
    const later = await post(client, `http://${publicAddress}:${port}/later`);
    expect(later).toEqual({ kind: 'answered', status: 503, retryAfterMs: 7000 });
    expect(await post(client, `http://${publicAddress}:${port}/endless`)).toMatchObject({ status: 200 });
    await client.close();
  });

  test('the guarded client gives up a silent receiver in time, and when it is aborted', async () => {
    const client = clientOf({ timeoutMs: 50 });
    expect(await post(client, `http://${publicAddress}:${port}/silent`)).toEqual({
      kind: 'failed',
      reason: 'no answer in time',
    });
    const gone = AbortSignal.abort();
    expect((await post(client, `http://${publicAddress}:${port}/`, gone)).kind).toBe('failed');
    await client.close();
  });

  test('the guarded client distinguishes an absent receiver from a forbidden one', async () => {
    await using names = await startNameServer(() => []);
    const client = clientOf({ nameServers: [names.address] });
    expect(await post(client, 'http://nowhere.example/')).toMatchObject({ kind: 'failed' });
    await client.close();
  });
});
