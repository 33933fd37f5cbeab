import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import Koa from 'koa';
import { expect, onTestFinished, test } from 'vitest';
import { createRouter, mountRouters } from '../../src/http/router.ts';

test('the routers of a place are made once, with the first request below its prefix', async () => {
  const made: string[] = [];
  const siteAt = (prefix: string) => ({
    prefix,
    createRouters: () => {
      made.push(prefix);
      return createRouter(prefix, { strict: false }).get('/runs', (context) => {
        context.body = prefix;
      });
    },
  });
  const app = new Koa().use(mountRouters([siteAt('/one'), siteAt('/two')]));
  const server = app.listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const ask = async (path: string) => (await fetch(`http://127.0.0.1:${port}${path}`)).text();

  expect(made).toEqual([]);
  expect([await ask('/two/runs'), await ask('/two/runs')]).toEqual(['/two', '/two']);
  expect(made).toEqual(['/two']);
  expect(await ask('/one/runs')).toBe('/one');
  expect(made).toEqual(['/two', '/one']);
});
