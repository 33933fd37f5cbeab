import { spawnSync } from 'node:child_process';
import { request } from 'node:http';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { hashKey } from '../../src/access/key-ring.ts';
import { refuseOpenHost } from '../../src/config/auth-section.ts';
import { startGateway } from '../../src/gateway.ts';
import { createLog } from '../../src/observability/log.ts';
import { isLoopbackHost } from '../../src/validation/host-name.ts';
import { keyOf, openAuthSite } from './auth-site.ts';

const hosts = { port: 0, hosts: ['gw.internal'] };
const keys = { keys: [keyOf('one').entry] };

describe('without auth', () => {
  test.each(['127.0.0.1', '127.9.9.9', '::1', '[::1]', 'localhost', 'LOCALHOST', '::ffff:127.0.0.1'])(
    'the host %s without auth is accepted',
    (host) => {
      expect(isLoopbackHost(host)).toBe(true);
      expect(refuseOpenHost(host, null)).toBeNull();
    },
  );

  test.each(['0.0.0.0', '::', '10.0.0.1', '192.168.1.1', 'example.com', 'localhost.example.com', ''])(
    'the host %s without auth is refused',
    (host) => {
      expect(refuseOpenHost(host, null)).toContain('auth: none');
      expect(refuseOpenHost(host, 'none')).toBeNull();
      expect(refuseOpenHost(host, { keys: [], jwt: null })).toBeNull();
    },
  );

  test('the gateway logs who can connect, and does not start on an open host without auth', async () => {
    await using site = await openAuthSite();
    expect(site.log()).toContain('no auth configured: only this machine can connect');
    // As the command line's --host does it, after the config was read.
    const outside = { ...site.config, server: { ...site.config.server, host: '0.0.0.0' } };
    const log = createLog({ level: 'silent', secrets: [] });
    await expect(startGateway(outside, log)).rejects.toThrow('the host 0.0.0.0 lets other machines in');
  });

  test('auth: none is logged as a warning', async () => {
    await using site = await openAuthSite({ sections: { auth: 'none' } });
    expect(site.log()).toContain('auth is disabled: anyone who can reach this port can run every agent');
    expect((await site.ask(null, 'POST', '/runs', { input: {} })).status).toBe(200);
  });

  test.each([
    ['without auth, and without hosts', {}, ['localhost', '127.0.0.1'], ['gw.internal', 'evil.example']],
    ['with auth: none and hosts', { auth: 'none', server: hosts }, ['gw.internal', '[::1]'], ['evil.example']],
    ['with keys, and without hosts', { auth: keys }, ['gw.internal', 'evil.example', 'localhost'], []],
    ['with keys and hosts', { auth: keys, server: hosts }, ['gw.internal:1', 'localhost'], ['evil.example']],
    ['without auth, with every host', { server: { port: 0, hosts: ['*'] } }, ['evil.example'], []],
  ])(
    'a gateway %s serves the hosts that it should and refuses the others',
    async (_name, sections, served, refused) => {
      await using site = await openAuthSite({ sections });
      const { hostname, port } = new URL(site.url);
      const under = async (host: string): Promise<number> =>
        await new Promise((resolve, reject) => {
          request({ host: hostname, port, path: '/docs', headers: { host } }, (answer) => {
            answer.resume();
            resolve(answer.statusCode ?? 0);
          })
            .on('error', reject)
            .end();
        });
      for (const host of served) expect([host, await under(host)]).toEqual([host, 200]);
      for (const host of refused) expect([host, await under(host)]).toEqual([host, 421]);
    },
  );

  test('a gateway with keys logs nothing about open hosts', async () => {
    await using site = await openAuthSite({ sections: { auth: { keys: [keyOf('one').entry] } } });
    expect(site.log()).not.toMatch(/no auth|auth is none/);
  });
});

describe('rungate key', () => {
  const root = resolve(import.meta.dirname, '../..');
  const run = (...args: readonly string[]) =>
    spawnSync(process.execPath, [join(root, 'src/main.ts'), 'key', ...args], { encoding: 'utf8' });

  test('rungate key prints a key and its config entry', () => {
    const { stdout, status } = run('--name', 'ci', '--tenant', 'acme');
    expect(status).toBe(0);
    const [, key = ''] = /^key, shown this once: (rungate_[\w-]{43})$/m.exec(stdout) ?? [];
    expect(stdout.split(key)).toHaveLength(2);
    expect(stdout).toContain(`    - name: "ci"\n      tenant: "acme"\n      sha256: ${hashKey(key)}\n`);
  });

  test('rungate key refuses a name that the config would refuse', () => {
    const { stderr, status } = run('--name', 'a b');
    expect([status, stderr.split('\n')[0]]).toEqual([2, expect.stringMatching(/^rungate: --name must be/)]);
  });
});
