import { describe, expect, test } from 'vitest';
import type { Json } from '../../src/contract/domain/json.ts';
import { itemBounds } from '../../src/contract/store/item-store.ts';
import type { Site } from '../http/app.ts';
import { openProtocols } from './protocol-sites.ts';
import { itemKey, itemOf } from './scripted-items.ts';

const base = '/agent-protocol/store';
const { tenant, namespace, key } = itemKey;
const value = { kind: 'taste', text: 'tea' };
const plain = {
  ...{ namespace, key, value },
  created_at: '2026-01-02T03:04:05.678Z',
  updated_at: '2026-01-02T03:04:06.000Z',
};

async function send(site: Site, method: string, path: string, body: Json): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  return await site.fetch(`${base}${path}`, { method, headers, body: JSON.stringify(body) });
}

describe('items of the Agent Protocol', () => {
  test('an item is put, read, searched for and deleted', async () => {
    await using site = await openProtocols();
    const put = await send(site, 'PUT', '/items', { namespace, key, value });
    expect([put.status, await put.text()]).toEqual([204, '']);
    expect(site.api.items.written).toEqual([{ tenant, namespace, key, value }]);
    const read = await site.fetch(`${base}/items?namespace=memories&namespace=user-1&key=likes`);
    expect([read.status, await read.json()]).toEqual([200, plain]);
    const found = await send(site, 'POST', '/items/search', {
      namespace_prefix: ['memories'],
      filter: { kind: 'taste' },
    });
    expect([found.status, await found.json()]).toEqual([200, { items: [plain] }]);
    expect(site.api.items.searched).toEqual([
      { tenant, prefix: ['memories'], filter: { kind: 'taste' }, limit: 10, offset: 0 },
    ]);
    const removed = await send(site, 'DELETE', '/items', { namespace, key });
    expect([removed.status, await removed.text()]).toEqual([204, '']);
    for (const answer of [
      await send(site, 'DELETE', '/items', { namespace, key }),
      await site.fetch(`${base}/items?namespace=memories&namespace=user-1&key=likes`),
    ])
      expect([answer.status, await answer.json()]).toMatchObject([404, { code: 'item_not_found' }]);
  });

  test.each([
    ['key=likes&namespace=memories&namespace=user-1', namespace],
    ['key=likes&namespace=memories.user-1', namespace],
    ['key=likes&namespace=one', ['one']],
    ['key=likes&namespace=', []],
    ['key=likes', []],
  ])('an item is read with ?%s', async (query, expected) => {
    await using site = await openProtocols();
    site.api.items.items.push(itemOf({ namespace: expected }));
    const answer = await site.fetch(`${base}/items?${query}`);
    expect([answer.status, await answer.json()]).toMatchObject([200, { namespace: expected }]);
  });

  test('an item without a namespace is in the root namespace', async () => {
    await using site = await openProtocols();
    expect((await send(site, 'PUT', '/items', { namespace: [], key: '', value: {} })).status).toBe(204);
    expect((await send(site, 'DELETE', '/items', { key: '' })).status).toBe(204);
    expect((await send(site, 'DELETE', '/items', { key: '' })).status).toBe(404);
  });

  test('the namespace of an item is listed', async () => {
    await using site = await openProtocols();
    site.api.items.items.push(itemOf());
    const query = { prefix: ['memories'], suffix: ['user-1'], max_depth: 2, limit: 5, offset: 0 };
    const answer = await send(site, 'POST', '/namespaces', query);
    expect([answer.status, await answer.json()]).toEqual([200, [namespace]]);
    await send(site, 'POST', '/namespaces', {});
    expect(site.api.items.listed).toEqual([
      { tenant, prefix: ['memories'], suffix: ['user-1'], maxDepth: 2, limit: 5, offset: 0 },
      { tenant, prefix: [], suffix: [], maxDepth: undefined, limit: 100, offset: 0 },
    ]);
  });

  test('an item is found without a namespace or a filter, null or left out', async () => {
    await using site = await openProtocols();
    const bodies: readonly Json[] = [{}, { namespace_prefix: null, filter: null }];
    for (const body of bodies) expect((await send(site, 'POST', '/items/search', body)).status).toBe(200);
    expect(site.api.items.searched.map(({ prefix, filter }) => [prefix, filter])).toEqual([
      [[], undefined],
      [[], undefined],
    ]);
  });
});

const long = 'x'.repeat(itemBounds.labelLength + 1);
test.each<readonly [string, string, Json, string]>([
  ['PUT', '/items', { namespace, key }, 'value'],
  ['PUT', '/items', { namespace, key, value: [1] }, 'value'],
  ['PUT', '/items', { namespace, value }, 'key'],
  ['PUT', '/items', { key, value }, 'namespace'],
  ['PUT', '/items', { namespace: 'a', key, value }, 'namespace'],
  ['PUT', '/items', { namespace: ['a.b'], key, value }, 'namespace/0'],
  ['PUT', '/items', { namespace: ['a', ''], key, value }, 'namespace/1'],
  ['PUT', '/items', { namespace: [long], key, value }, 'namespace/0'],
  ['PUT', '/items', { namespace: Array.from({ length: itemBounds.labels + 1 }, () => 'a'), key, value }, 'namespace'],
  ['PUT', '/items', { namespace, key: 'x'.repeat(itemBounds.keyLength + 1), value }, 'key'],
  ['PUT', '/items', { namespace, key, value, ttl: 5 }, 'ttl'],
  ['DELETE', '/items', { namespace }, 'key'],
  ['POST', '/items/search', { limit: 0 }, 'limit'],
  ['POST', '/items/search', { limit: 1001 }, 'limit'],
  ['POST', '/items/search', { filter: 'a' }, 'filter'],
  ['POST', '/items/search', { query: 'tea' }, 'query'],
  ['POST', '/namespaces', { max_depth: 0 }, 'max_depth'],
  ['POST', '/namespaces', { offset: -1 }, 'offset'],
])('%s %s with the body %j is refused with 422', async (method, path, body, place) => {
  await using site = await openProtocols();
  const answer = await send(site, method, path, body);
  const refusal: unknown = await answer.json();
  expect([answer.status, refusal]).toMatchObject([422, { code: 'invalid_request', metadata: { path: place } }]);
  expect(site.api.items.written).toEqual([]);
});

test.each(['', 'key=a&key=b', 'key=k&namespace=a..b', `key=k&namespace=${long}`, 'key=k&ns=a'])(
  'GET /store/items?%s is refused with 422',
  async (query) => {
    await using site = await openProtocols();
    const answer = await site.fetch(`${base}/items?${query}`);
    expect([answer.status, await answer.json()]).toMatchObject([422, { code: 'invalid_request' }]);
  },
);
