import { createServer } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { listen } from '../../src/http/server.ts';
import { type AuthSite, openAuthSite } from '../access/auth-site.ts';
import { eventOf, runId, runOf, until } from '../protocols/scripted-api.ts';
import { listenOptions, openSite } from './app.ts';

describe('sizes', () => {
  let site: AuthSite;
  beforeAll(async () => {
    const limits = { maxMetadataBytes: 100, maxOutputBytes: 1000 };
    site = await openAuthSite({ sections: { limits, webhooks: { unsigned: true } } });
  });
  afterAll(() => site[Symbol.asyncDispose]());

  test('metadata of a run or a thread larger than its bound in bytes is refused with 422', async () => {
    const fits = { note: 'x'.repeat(80) };
    const tooLarge = { note: '€'.repeat(40) };
    const message = 'the request is not valid: metadata must be at most 100 bytes as JSON';
    const create = (metadata: object, path = '/runs') =>
      site.ask(null, 'POST', path, {
        agent_id: 'echo',
        ...(path === '/runs' ? { input: {} } : {}),
        metadata: { ...metadata },
      });
    expect((await create(fits)).status).toBe(200);
    const refused = await create(tooLarge);
    expect([refused.status, refused.body]).toEqual([422, message]);
    expect((await create(tooLarge, '/threads')).status).toBe(422);
    const thread = (await create(fits, '/threads')).body as { thread_id: string };
    const patched = await site.ask(null, 'PATCH', `/acp/v0.2/threads/${thread.thread_id}`, { metadata: tooLarge });
    expect([patched.status, patched.body]).toEqual([422, message]);
  });

  test('an output larger than its bound ends its run with an error', async () => {
    const created = await site.ask(null, 'POST', '/runs', { agent_id: 'echo', input: { text: 'x'.repeat(1000) } });
    const { run_id: id } = created.body as { run_id: string };
    const output = await site.ask(null, 'GET', `/runs/${id}/output?block_timeout=20`);
    expect(output.body).toMatchObject({ type: 'error', errcode: 1005 });
    expect(JSON.stringify(output.body)).toContain('its result is larger than 1000 bytes');
    const small = await site.ask(null, 'POST', '/runs', { agent_id: 'echo', input: { text: 'x'.repeat(900) } });
    const { run_id: other } = small.body as { run_id: string };
    expect((await site.ask(null, 'GET', `/runs/${other}/output?block_timeout=20`)).body).toMatchObject({
      type: 'result',
    });
  });

  test('a webhook or a URL for the vendor that leads to a private address is refused', async () => {
    const create = (more: Record<string, string | object>) =>
      site.ask(null, 'POST', '/runs', { agent_id: 'echo', input: {}, ...(more as Record<string, string>) });
    const inside = await create({ webhook: 'http://169.254.169.254/latest' });
    expect([inside.status, inside.body]).toEqual([
      422,
      'the request is not valid: webhook must not lead to a private address',
    ]);
    expect((await create({ webhook: 'http://user@hooks.example.com/' })).status).toBe(422);
    expect((await create({ webhook: 'https://hooks.example.com/' })).status).toBe(200);
    const proxy = await create({ config: { proxy: 'http://user:password@127.1:3128' } });
    expect(proxy.body).toContain('config/proxy must not lead to a private address');
    const sink = await create({ config: { configurable: { sink: { type: 'webhook', url: 'http://[::1]/' } } } });
    expect(sink.body).toContain('config/configurable/sink/url must not lead to a private address');
    expect((await create({ config: { sink: { type: 'webhook', url: 'https://hooks.example.com/' } } })).status).toBe(
      200,
    );
  });
});

describe('slow and many', () => {
  const largeJson = 'x'.repeat(40_000_000);

  test('the reader of a stream that reads nothing is cut off', async () => {
    await using site = await openSite({ limits: { slowReaderMs: 50 } });
    site.api.runs.script = (feed) => feed.give([eventOf(1, { kind: 'partial', value: largeJson })]);
    const request = `GET /runs/${runId}/stream HTTP/1.1\r\nHost: localhost\r\n\r\n`;
    const socket = connect(Number(new URL(site.url).port), '127.0.0.1').pause();
    socket.on('error', () => {});
    socket.write(request);
    await until(() => site.app.openStreams === 1);
    await until(() => site.app.openStreams === 0);
    expect(site.api.runs.streams).toHaveLength(1);
    await site.api.runs.streams[0]?.closed;
    socket.destroy();
  });

  test('the reader of a stream that reads nothing is cut off after the stream has ended too', async () => {
    await using site = await openSite({ limits: { slowReaderMs: 50 } });
    const server = createServer(site.app.handle);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const cut = new Promise<void>((resolve) =>
      server.once('connection', (socket) => void socket.once('close', () => resolve())),
    );
    site.api.runs.script = (feed) => feed.give([eventOf(1, { kind: 'partial', value: largeJson })]);
    const socket = connect(z.object({ port: z.number() }).parse(server.address()).port, '127.0.0.1').pause();
    socket.on('error', () => {});
    socket.write(`GET /runs/${runId}/stream HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    await until(() => site.api.runs.streams.length === 1 && site.app.openStreams === 1);
    site.app.drain(1000);
    await cut;
    socket.destroy();
    server.close();
  });

  test('the reader of an answer that reads nothing is cut off', async () => {
    await using site = await openSite({ limits: { slowReaderMs: 50 } });
    site.api.runs.byId.set(runId, runOf({ request: { input: largeJson } }));
    let cut = 0;
    const server = createServer(site.app.handle).on(
      'connection',
      (socket) => void socket.once('close', () => (cut += 1)),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const socket = connect(z.object({ port: z.number() }).parse(server.address()).port, '127.0.0.1').pause();
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.on('error', () => {});
    socket.write(`GET /runs/${runId} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    await until(() => site.api.runs.keys.length === 1);
    // It learns of the cut when it reads again: then the answer lacks its end.
    await until(() => cut === 1);
    socket.resume();
    await closed;
    expect(socket.bytesRead).toBeLessThan(largeJson.length);
    server.close();
  });

  test('a request that does not arrive whole is cut off, in its head and in its body', async () => {
    await using site = await openSite();
    const server = await listen(site.app, { ...listenOptions, slowRequestMs: 50 });
    const send = (bytes: string) =>
      new Promise<string>((resolve) => {
        let text = '';
        const socket = connect(Number(new URL(server.url).port), '127.0.0.1', () => socket.write(bytes));
        socket.setEncoding('latin1').on('data', (chunk: string) => {
          text += chunk;
        });
        socket.on('close', () => resolve(text)).on('error', () => {});
      });
    expect(await send('GET /runs HTTP/1.1\r\nHost: localhost\r\nX-Half')).toMatch(/^HTTP\/1\.1 408 /);
    const head =
      'POST /runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"in';
    expect(await send(head)).toMatch(/^HTTP\/1\.1 (408|422) /);
    await server.close(0);
  });

  test('connections above the limit are closed, which is reported once', async () => {
    await using site = await openSite();
    const reported: string[] = [];
    const options = { ...listenOptions, maxConnections: 2, onFull: () => void reported.push('full') };
    const server = await listen(site.app, options);
    const port = Number(new URL(server.url).port);
    const sockets = [0, 1, 2, 3].map(() => connect(port, '127.0.0.1').on('error', () => {}));
    const closed: unknown[] = [];
    for (const socket of sockets) socket.resume().once('close', () => closed.push(socket));
    await until(() => closed.length === 2);
    expect(reported).toEqual(['full']);
    for (const socket of sockets) socket.destroy();
    await server.close(0);
  });
});
