import { expect, test } from 'vitest';
import { GatewayError } from '../../src/contract/domain/errors.ts';
import { createMcp } from '../../src/protocols/mcp/protocol.ts';
import { openSite, protocol, type SiteOptions } from './app.ts';
import { sealerFor } from './held-tickets.ts';

const issuer = 'https://id.example';
const wellKnown = '/.well-known/oauth-protected-resource';
const mcp = createMcp({ sealerFor, version: '0.0.0', retentionMs: 1000 });
const mounts = [
  { protocol, prefix: '' },
  { protocol: mcp, prefix: '/mcp' },
];
const open = async (changes: SiteOptions) =>
  await openSite({
    ...{ mounts, issuer, isProtected: true, hosts: null },
    authenticate: () => {
      throw new GatewayError('unauthorized');
    },
    ...changes,
  });
const refusalAt = async (path: string, changes: SiteOptions = {}) => {
  await using site = await open(changes);
  const { status, headers } = await site.post(path, { jsonrpc: '2.0', id: 1, method: 'ping' });
  return [status, headers.get('www-authenticate')?.replaceAll(site.url, 'AT')];
};

test('a refusal at an endpoint of MCP names the metadata of its resource, and one elsewhere does not', async () => {
  const named = (path: string) => `Bearer realm="rungate", resource_metadata="AT${wellKnown}${path}"`;
  expect(await refusalAt('/mcp')).toEqual([401, named('/mcp')]);
  expect(await refusalAt('/mcp/echo')).toEqual([401, named('/mcp/echo')]);
  expect(await refusalAt('/runs')).toEqual([401, 'Bearer realm="rungate"']);
});

test('a gateway without an issuer has no metadata, and its refusals name none', async () => {
  expect(await refusalAt('/mcp', { issuer: null })).toEqual([401, 'Bearer realm="rungate"']);
  await using site = await open({ issuer: null });
  expect((await site.fetch(`${wellKnown}/mcp`)).status).toBe(404);
});

test('the metadata of a resource name its address and the issuer, without a key', async () => {
  await using site = await open({});
  for (const path of ['', '/mcp', '/mcp/echo']) {
    const answer = await site.fetch(wellKnown + path);
    expect([answer.status, await answer.json()]).toEqual([
      200,
      {
        resource: site.url + path,
        authorization_servers: [issuer],
        bearer_methods_supported: ['header'],
        resource_name: 'rungate',
      },
    ]);
  }
  expect((await site.fetch(`${wellKnown}/runs`)).status).toBe(404);
});

test('the public address of the config stands in metadata and refusals', async () => {
  const publicUrl = 'https://gate.example';
  expect((await refusalAt('/mcp', { publicUrl }))[1]).toContain(`"${publicUrl}${wellKnown}/mcp"`);
  await using site = await open({ publicUrl });
  expect(await (await site.fetch(`${wellKnown}/mcp`)).json()).toMatchObject({ resource: `${publicUrl}/mcp` });
});
