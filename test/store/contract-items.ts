import { describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import {
  type Item,
  type ItemQuery,
  type ItemWrite,
  itemBounds,
  type NamespaceQuery,
} from '../../src/contract/store/item-store.ts';
import { StorageFault } from '../../src/contract/store/store.ts';
import type { Bench } from './contract.ts';
import { all } from './rows.ts';

const nowMs = 1_700_000_000_000;

function makeWrite(namespace: readonly string[], key: string, more: Partial<ItemWrite> = {}): ItemWrite {
  return { tenant: 'main', namespace, key, value: { at: [...namespace, key] }, nowMs, ...more };
}

function itemOf({ nowMs: createdAtMs, ...rest }: ItemWrite): Item {
  return { ...rest, createdAtMs, updatedAtMs: createdAtMs };
}

/** What an escape, a range or a collation could stumble over. */
const oddTexts = [
  '\u0000',
  '\n',
  ' ',
  '!',
  '"',
  '%',
  '*',
  '0',
  'A',
  '\\',
  '_',
  'a',
  'a!',
  'aa',
  '\u007f',
  'é',
  '\ud800',
  '�',
  '😀',
];

export function describeItems(bench: () => Bench): void {
  const putAll = async (writes: readonly ItemWrite[]): Promise<void> => {
    await Promise.all(writes.map((write) => bench().store.items.put(write)));
  };
  const search = async (query: Partial<ItemQuery> = {}): Promise<readonly Item[]> =>
    await all(bench().store.items.search({ tenant: 'main', prefix: [], limit: 1000, offset: 0, ...query }));
  const searchKeys = async (query?: Partial<ItemQuery>): Promise<readonly string[]> =>
    (await search(query)).map(({ namespace, key }) => [...namespace, key].join('/'));
  const list = async (query: Partial<NamespaceQuery> = {}): Promise<readonly string[]> => {
    const page = { tenant: 'main', prefix: [], suffix: [], limit: 1000, offset: 0 };
    return (await bench().store.items.namespaces({ ...page, ...query })).map((labels) => labels.join('/'));
  };

  describe('an item', () => {
    test('an item is found as it was put, and under no other name', async () => {
      const { items } = bench().store;
      const write = makeWrite(['users', '42'], 'likes');
      await items.put(write);
      expect(await items.find(write)).toEqual(itemOf(write));
      expect(await items.find({ ...write, key: 'like' })).toBeNull();
      for (const namespace of [[], ['users'], ['users', '42', 'x'], ['42', 'users'], ['users/42'], ['users\n42']])
        expect(await items.find({ ...write, namespace })).toBeNull();
    });

    test('an item that is put again keeps its creation, and its instants never go back', async () => {
      const { items } = bench().store;
      const write = makeWrite([], '', { value: { old: 1, both: 1 } });
      await items.put(write);
      await items.put({ ...write, value: { new: 2, both: 2 }, nowMs: nowMs + 5 });
      const changed = { ...itemOf(write), value: { new: 2, both: 2 }, updatedAtMs: nowMs + 5 };
      expect(await items.find(write)).toEqual(changed);
      expect(await search({ filter: { old: 1 } })).toEqual([]);
      expect(await search({ filter: { new: 2 } })).toEqual([changed]);
      await items.put({ ...write, nowMs: nowMs - 1000 });
      expect(await items.find(write)).toEqual({ ...changed, value: write.value });
    });

    test('an item is removed once, and no other item with it', async () => {
      const { items } = bench().store;
      const [gone, kept, beneath] = [makeWrite(['a'], 'k'), makeWrite(['a'], 'k2'), makeWrite(['a', 'k'], 'k')];
      await putAll([gone, kept, beneath]);
      expect([await items.remove(gone), await items.remove(gone)]).toEqual([true, false]);
      expect(await items.find(gone)).toBeNull();
      expect(await search()).toEqual([itemOf(kept), itemOf(beneath)]);
    });

    test('an item may have any text as key and label, and any object as value', async () => {
      const deep: JsonObject = { list: [1, { b: null }], '': '', text: '\u0000 \ud800 \n"', long: 'x'.repeat(60_000) };
      const writes = oddTexts.flatMap((text) => [
        makeWrite([], text),
        makeWrite([text, 'z'], 'k', { value: deep }),
        makeWrite(['z', text], text, { value: {} }),
      ]);
      await putAll(writes);
      for (const write of writes) expect(await bench().store.items.find(write)).toEqual(itemOf(write));
      const found = await search();
      expect(found).toHaveLength(writes.length);
      const bytesOf = (text: string) => Buffer.from(JSON.stringify(text).slice(1, -1));
      expect(found.slice(0, oddTexts.length).map(({ key }) => key)).toEqual(
        oddTexts.toSorted((a, b) => Buffer.compare(bytesOf(a), bytesOf(b))),
      );
      for (const text of oddTexts) {
        expect((await search({ prefix: [text] })).map(({ namespace }) => namespace)).toContainEqual([text, 'z']);
        expect(await list({ suffix: [text] })).toContain(`z/${text}`);
      }
    });

    test('an item may be as large as the bounds allow', async () => {
      const { items } = bench().store;
      // Hard to compress, so that it is as long in an index as it is here.
      const noise = (length: number) =>
        Array.from({ length }, (_, index) => String.fromCharCode(33 + ((index * index * 7919 + index * 31) % 89)))
          .join('')
          .replaceAll(/["\\.]/g, 'x');
      const key = noise(itemBounds.nameBytes - 2);
      const namespace = Array.from({ length: 8 }, (_, index) => noise(120).slice(index) + 'y'.repeat(index));
      expect(JSON.stringify(namespace).length).toBeLessThanOrEqual(itemBounds.nameBytes);
      const write = makeWrite(namespace, key, {
        tenant: noise(128),
        value: { text: noise(itemBounds.valueBytes - 11) },
      });
      await items.put(write);
      expect(await items.find(write)).toEqual(itemOf(write));
    });

    test('an item is there when the store is opened again, and at once in another process', async () => {
      const write = makeWrite(['a'], 'k');
      await bench().store.items.put(write);
      expect(await (await bench().openSecond()).items.find(write)).toEqual(itemOf(write));
      const again = await bench().reopen();
      expect(await again.items.find(write)).toEqual(itemOf(write));
    });

    test('retention does not remove items', async () => {
      const write = makeWrite(['a'], 'k', { nowMs: 0 });
      await bench().store.items.put(write);
      await bench().store.expire(Date.now(), Date.now(), 1000);
      expect(await bench().store.items.find(write)).not.toBeNull();
    });

    test('an item that many writers put at once has the value of one of them', async () => {
      const [one, other] = [bench().store, await bench().openSecond()];
      const write = makeWrite(['a'], 'k');
      const values = Array.from({ length: 40 }, (_, n) => ({ n }));
      await Promise.all(values.map((value) => (value.n % 2 ? one : other).items.put({ ...write, value })));
      expect(values).toContainEqual((await one.items.find(write))?.value);
      expect(await search()).toHaveLength(1);
    });

    test('every item method of a closed store rejects with StorageFault', async () => {
      const { store } = bench();
      const write = makeWrite(['a'], 'k');
      await store.items.put(write);
      await store.close();
      const page = { tenant: 'main', prefix: [], suffix: [], limit: 1, offset: 0 };
      const calls = [
        store.items.put(write),
        store.items.find(write),
        store.items.remove(write),
        all(store.items.search(page)),
        all(store.items.search({ ...page, filter: { at: 1 } })),
        store.items.namespaces(page),
      ];
      const settled = await Promise.allSettled(calls);
      const reasons = settled.map((result) => (result.status === 'rejected' ? result.reason : result));
      expect(reasons).toEqual(calls.map(() => expect.any(StorageFault)));
    });
  });

  describe('a search for items', () => {
    test('a search for items finds a namespace and everything below it, in order, and none of its neighbours', async () => {
      await putAll(
        ['a', 'a!', 'aa', 'b'].flatMap((label) => [
          makeWrite([label], '2'),
          makeWrite([label], '10'),
          makeWrite([label, 'a'], '1'),
        ]),
      );
      await putAll([makeWrite([], 'root')]);
      const beneath = (label: string) => [`${label}/10`, `${label}/2`, `${label}/a/1`];
      expect(await searchKeys({ prefix: ['a'] })).toEqual(beneath('a'));
      expect(await searchKeys({ prefix: ['a', 'a'] })).toEqual(['a/a/1']);
      expect(await searchKeys({ prefix: ['a', 'a', 'a'] })).toEqual([]);
      expect(await searchKeys()).toEqual(['root', ...['a', 'a!', 'aa', 'b'].flatMap(beneath)]);
    });

    test('a search for items pages without gaps and repeats past items that do not match', async () => {
      const writes = Array.from({ length: 1200 }, (_, n) =>
        makeWrite(['n', `${n % 7}`], String(n).padStart(4, '0'), {
          value: { odd: n % 2 === 1, hundred: n % 100 === 0 },
        }),
      );
      await putAll(writes);
      const all = await searchKeys({ prefix: ['n'], limit: 1200 });
      expect(new Set(all).size).toBe(1200);
      expect(all).toEqual(all.toSorted());
      for (const [filter, count] of [
        [undefined, 1200],
        [{ odd: true }, 600],
        [{ hundred: true }, 12],
        [{ hundred: true, odd: true }, 0],
      ] as const) {
        const whole = await searchKeys({ filter, limit: 1200 });
        expect(whole).toHaveLength(count);
        const size = Math.max(5, Math.ceil(count / 7));
        const pages: string[] = [];
        for (let offset = 0; offset < count; offset += size)
          pages.push(...(await searchKeys({ filter, limit: size, offset })));
        expect(pages).toEqual(whole);
        expect(await searchKeys({ filter, offset: count })).toEqual([]);
      }
      expect(await searchKeys({ prefix: ['n', '3'], filter: { hundred: true } })).toEqual(['n/3/0500']);
    });

    const long = 'x'.repeat(300);
    const stored: JsonObject = { kind: 'a', count: 1, none: null, deep: { list: [1, { b: 2, a: 1 }] }, long, '': 0 };
    const filters: readonly (readonly [JsonObject, boolean])[] = [
      [{}, true],
      [{ kind: 'a' }, true],
      [{ kind: 'a', count: 1 }, true],
      [{ none: null }, true],
      [{ deep: { list: [1, { a: 1, b: 2 }] } }, true],
      [{ long }, true],
      [{ '': 0 }, true],
      [{ kind: 'b' }, false],
      [{ kind: 'a', count: 2 }, false],
      [{ count: '1' }, false],
      [{ missing: null }, false],
      [{ deep: { list: [1] } }, false],
      [{ long: `${long}y` }, false],
      [{ kind: ['a'] }, false],
      [{ kin: 'a' }, false],
    ];
    test('a search for items by members of the value finds those that have all of them with equal values', async () => {
      await putAll([makeWrite(['f'], 'k', { value: stored }), makeWrite(['f'], 'empty', { value: {} })]);
      for (const [filter, isFound] of filters) {
        const expected = [...(Object.keys(filter).length === 0 ? ['f/empty'] : []), ...(isFound ? ['f/k'] : [])];
        expect([filter, await searchKeys({ filter })]).toEqual([filter, expected]);
      }
    });
  });

  describe('a list of namespaces', () => {
    const namespaces = ['', 'a', 'a/b/c', 'a/b/d', 'a/bb/c', 'aa/c', 'b/c', 'b/c/d/c'];
    const write = async (): Promise<void> => {
      const labelled = namespaces.map((path) => (path === '' ? [] : path.split('/')));
      await putAll(labelled.flatMap((labels) => [makeWrite(labels, '1'), makeWrite(labels, '2')]));
      await putAll([makeWrite(['theirs', 'c'], 'k', { tenant: 'other' })]);
    };

    const lists: readonly (readonly [Partial<NamespaceQuery>, readonly string[]])[] = [
      [{}, namespaces],
      [{ prefix: ['a'] }, ['a', 'a/b/c', 'a/b/d', 'a/bb/c']],
      [{ prefix: ['a', 'b'] }, ['a/b/c', 'a/b/d']],
      [{ prefix: ['x'] }, []],
      [{ suffix: ['c'] }, ['a/b/c', 'a/bb/c', 'aa/c', 'b/c', 'b/c/d/c']],
      [{ suffix: ['b', 'c'] }, ['a/b/c', 'b/c']],
      [{ prefix: ['b'], suffix: ['c'] }, ['b/c', 'b/c/d/c']],
      [{ prefix: ['b', 'c'], suffix: ['b', 'c'] }, ['b/c']],
      [{ maxDepth: 1 }, ['', 'a', 'aa', 'b']],
      [{ maxDepth: 2 }, ['', 'a', 'a/b', 'a/bb', 'aa/c', 'b/c']],
      [{ maxDepth: 9 }, namespaces],
      [{ maxDepth: 1, suffix: ['d'] }, ['a']],
      [{ maxDepth: 2, suffix: ['c'] }, ['a/b', 'a/bb', 'aa/c', 'b/c']],
      [{ maxDepth: 1, prefix: ['a', 'b'] }, ['a']],
      [{ limit: 3, offset: 2 }, namespaces.slice(2, 5)],
      [{ maxDepth: 1, limit: 2, offset: 1 }, ['a', 'aa']],
      [{ suffix: ['c'], limit: 1, offset: 4 }, ['b/c/d/c']],
      [{ offset: namespaces.length }, []],
    ];
    test('a list of namespaces has exactly those that match the query, in order and each once', async () => {
      await write();
      for (const [query, expected] of lists) expect([query, await list(query)]).toEqual([query, expected]);
    });

    test('a namespace disappears from the list with its last item', async () => {
      const { items } = bench().store;
      const [one, other] = [makeWrite(['a'], '1'), makeWrite(['a'], '2')];
      await putAll([one, other]);
      await items.remove(one);
      expect(await list()).toEqual(['a']);
      await items.remove(other);
      expect(await list()).toEqual([]);
    });

    test('a list of namespaces goes through very many of them, whole and cut to a depth', async () => {
      await putAll(Array.from({ length: 2500 }, (_, n) => makeWrite([`${n % 2}`, String(n).padStart(4, '0')], 'k')));
      expect(await list({ maxDepth: 1 })).toEqual(['0', '1']);
      const whole = await list({ limit: 2500 });
      expect([whole.length, whole]).toEqual([2500, whole.toSorted()]);
      expect(await list({ limit: 2, offset: 2498 })).toEqual(['1/2497', '1/2499']);
      expect(await list({ suffix: ['2499'] })).toEqual(['1/2499']);
    });
  });

  describe('an item of another tenant', () => {
    test('an item of another tenant is not read, overwritten, removed, found or listed', async () => {
      const { items } = bench().store;
      const value: Readonly<Record<string, Json>> = { secret: 'theirs' };
      const theirs = makeWrite(['shared'], 'k', { tenant: 'theirs', value });
      await items.put(theirs);
      const ours = { ...theirs, tenant: 'ours' };
      expect([await items.find(ours), await items.remove(ours)]).toEqual([null, false]);
      for (const filter of [undefined, { secret: 'theirs' }])
        expect(await search({ tenant: 'ours', prefix: ['shared'], filter })).toEqual([]);
      expect(await list({ tenant: 'ours' })).toEqual([]);
      await items.put({ ...ours, value: { secret: 'ours' } });
      expect(await items.find(theirs)).toEqual(itemOf(theirs));
      expect(await search({ tenant: 'ours', filter: { secret: 'ours' } })).toHaveLength(1);
      // A tenant whose name begins like another's, or that is a pattern.
      for (const tenant of ['their', 'theirs!', '%', 'theirs\n']) expect(await search({ tenant })).toEqual([]);
    });
  });
}
