import { afterEach, beforeEach, expect, test } from 'vitest';
import { itemBounds } from '../../src/contract/store/item-store.ts';
import type { Store } from '../../src/contract/store/store.ts';
import { ItemService } from '../../src/engine/api/item-service.ts';
import { openStore } from '../../src/store/open.ts';
import { itemKey } from '../protocols/scripted-items.ts';
import { all } from '../store/rows.ts';
import { silentLog } from '../store/runs.ts';
import { VirtualClock } from './virtual-clock.ts';

const value = { text: 'tea' };
let store: Store;
let clock: VirtualClock;
let items: ItemService;

beforeEach(async () => {
  store = await openStore('sqlite::memory:', { log: silentLog });
  clock = new VirtualClock();
  items = new ItemService(store, clock);
});
afterEach(() => store.close());

test("an item's created_at and updated_at come from the clock", async () => {
  const createdAtMs = clock.nowMs();
  await items.put({ ...itemKey, value });
  await clock.advance(1000);
  await items.put({ ...itemKey, value: {} });
  const item = { ...itemKey, value: {}, createdAtMs, updatedAtMs: createdAtMs + 1000 };
  expect(await items.get(itemKey)).toEqual(item);
  const page = { tenant: itemKey.tenant, prefix: [], limit: 10, offset: 0 };
  expect(await all(items.search(page))).toEqual([item]);
  expect(await items.listNamespaces({ ...page, suffix: [] })).toEqual([itemKey.namespace]);
});

test('reading an item that does not exist is item_not_found', async () => {
  await items.put({ ...itemKey, value });
  await items.delete(itemKey);
  for (const call of [items.get(itemKey), items.delete(itemKey)])
    await expect(call).rejects.toMatchObject({ code: 'item_not_found', http: 404 });
});

test.each([
  ['namespace', { namespace: Array.from({ length: 9 }, () => 'x'.repeat(itemBounds.labelLength)) }],
  ['key', { key: '\u0000'.repeat(200) }],
  ['value', { value: { text: 'x'.repeat(itemBounds.valueBytes) } }],
])('an item whose %s is larger than its bound is refused and not written', async (path, change) => {
  const write = { ...itemKey, value, ...change };
  await expect(items.put(write)).rejects.toMatchObject({ code: 'invalid_request', path });
  expect(await store.items.find(write)).toBeNull();
});

test('every item call is storage_unavailable while the store does not answer', async () => {
  await items.put({ ...itemKey, value });
  await store.close();
  const page = { tenant: itemKey.tenant, prefix: [], suffix: [], limit: 10, offset: 0 };
  const calls = [
    items.put({ ...itemKey, value }),
    items.get(itemKey),
    items.delete(itemKey),
    all(items.search(page)),
    items.listNamespaces(page),
  ];
  for (const settled of await Promise.allSettled(calls))
    expect(settled).toMatchObject({ reason: { code: 'storage_unavailable', http: 503, retryAfterSeconds: 1 } });
});
