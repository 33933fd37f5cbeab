import { describe, expect, test } from 'vitest';
import { listen } from '../../src/http/server.ts';
import { runId, until } from '../protocols/scripted-api.ts';
import { listenOptions, openSite } from './app.ts';

describe('health', () => {
  test('the gateway is live although it is not ready', async () => {
    await using site = await openSite({
      readiness: [{ name: 'store', check: () => Promise.reject(new Error('gone')) }],
    });
    const answer = await site.fetch('/health/live');
    expect([answer.status, await answer.json()]).toEqual([200, { status: 'ok' }]);
    expect((await site.fetch('/health/live', { method: 'HEAD' })).status).toBe(200);
  });

  test('the gateway is ready when every check passes, and names a failing check without its reason', async () => {
    let failing = false;
    const store = { name: 'store', check: async () => void (failing && fail()) };
    const fail = (): never => {
      throw new Error('postgres://user:secret@host is gone');
    };
    await using site = await openSite({ readiness: [store, { name: 'queue', check: async () => {} }] });
    const ready = await site.fetch('/health/ready');
    expect([ready.status, await ready.json()]).toEqual([
      200,
      { status: 'ok', draining: false, checks: { store: 'ok', queue: 'ok' }, backends: {} },
    ]);
    failing = true;
    const unready = await site.fetch('/health/ready');
    expect(unready.status).toBe(503);
    expect(await unready.json()).toEqual({
      status: 'unavailable',
      draining: false,
      checks: { store: 'failing', queue: 'ok' },
      backends: {},
    });
    expect(site.lines).toMatchObject([{ level: 'warn', message: 'not ready', fields: { check: 'store' } }]);
  });

  test('the gateway is not ready while it drains, although every check passes, and logs no fault', async () => {
    await using site = await openSite({ readiness: [{ name: 'store', check: async () => {} }] });
    site.app.drain(1000);
    const answer = await site.fetch('/health/ready');
    const body = { status: 'unavailable', draining: true, checks: { store: 'ok' }, backends: {} };
    expect([answer.status, await answer.json()]).toEqual([503, body]);
    expect((await site.fetch('/health/live')).status).toBe(200);
    expect(site.lines).toEqual([]);
  });

  test('a health probe takes GET and HEAD alone', async () => {
    await using site = await openSite();
    const answer = await site.fetch('/health/live', { method: 'POST' });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'HEAD, GET, OPTIONS']);
  });
});

describe('the server', () => {
  test('listening on a port that is taken rejects', async () => {
    await using site = await openSite();
    const port = Number(new URL(site.url).port);
    await expect(listen(site.app, { ...listenOptions, port })).rejects.toThrow('EADDRINUSE');
  });

  test('the server answers open requests before it closes', async () => {
    const site = await openSite();
    const translateStorageFault = site.fetch(`/runs/${runId}/output?block_timeout=60`);
    await until(() => site.api.runs.waiters.length === 1);
    const closing = site.close(60_000);
    await expect(site.fetch('/health/live')).rejects.toThrow();
    site.app.drain(1000);
    expect((await translateStorageFault).status).toBe(204);
    await closing;
  });

  test('the server cuts off requests that are not answered within the grace', async () => {
    const site = await openSite();
    const translateStorageFault = site.fetch(`/runs/${runId}/output?block_timeout=60`);
    await until(() => site.api.runs.waiters.length === 1);
    const [outcome] = await Promise.allSettled([translateStorageFault, site.close(0)]);
    expect(outcome.status).toBe('rejected');
  });

  test('a malformed request is answered before it reaches the gateway', async () => {
    await using site = await openSite();
    const answer = await (await site.raw('NONSENSE\r\n\r\n')).ended;
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    const swollen = `GET /runs HTTP/1.1\r\nHost: localhost\r\nX-Big: ${'x'.repeat(20_000)}\r\n\r\n`;
    expect(await (await site.raw(swollen)).ended).toMatch(/^HTTP\/1\.1 431 /);
  });
});
