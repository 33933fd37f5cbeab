import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { ConsoleSessions } from '../../src/access/console-sessions.ts';
import { listFiles } from '../../src/http/console.ts';
import { createAdminProtocol } from '../../src/protocols/admin/protocol.ts';
import { openSite } from '../http/app.ts';

const protocol = createAdminProtocol();
const mounts = [{ protocol, prefix: protocol.prefix }];
const sessions = new ConsoleSessions({ store: { secret: async () => Buffer.alloc(32) }, auth: null });
const maxPackedBytes = 60_000;

test('all files of the console together are under 60 kB packed', () => {
  const sizes = [...listFiles().values()].map((file) => gzipSync(readFileSync(file), { level: 9 }).length);
  expect(sizes.length).toBeGreaterThan(10);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(maxPackedBytes);
});

test('the page runs scripts of its own host and its one import map alone, and names no other host', async () => {
  await using site = await openSite({ mounts, sessions });
  const answer = await site.fetch('/console/runs/0190b0a0-0000-7000-8000-000000000000');
  expect(answer.headers.get('content-security-policy')).toMatch(
    /^default-src 'none'; script-src 'self' 'sha256-[\w+/]{43}='; style-src 'self'; /,
  );
  expect(await answer.text()).not.toMatch(/https?:/);
});

test('every module that a file of the console imports is served, and a file that it does not have is not', async () => {
  await using site = await openSite({ mounts, sessions });
  const names = [...listFiles().keys()];
  const imported = [...listFiles().values()].flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/from '\.\/([\w-]+\.js)'/g)].map(([, name = '']) => name),
  );
  expect(names).toEqual(expect.arrayContaining(imported));
  for (const name of names) expect((await site.fetch(`/console/files/${name}`)).status).toBe(200);
  for (const name of ['package.json', 'tsconfig.json', '..%2Fgateway.ts', 'toString'])
    expect((await site.fetch(`/console/files/${name}`)).status).toBe(404);
});

test('a file that the browser has is not sent again', async () => {
  await using site = await openSite({ mounts, sessions });
  const etag = (await site.fetch('/console/files/main.js')).headers.get('etag') ?? '';
  const again = await site.fetch('/console/files/main.js', {
    headers: { 'if-none-match': etag, 'cache-control': 'max-age=0' },
  });
  expect([again.status, await again.text()]).toEqual([304, '']);
});

test('a listener without the admin API has no console', async () => {
  await using site = await openSite({ sessions });
  expect((await site.fetch('/console')).status).toBe(404);
});
