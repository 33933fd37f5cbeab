import { expect, test } from 'vitest';
import { LinkedList, type ListNode } from '../../src/collections/linked-list.ts';

function itemsOf<T>(list: LinkedList<T>): T[] {
  const items: T[] = [];
  for (let node = list.oldest; node !== null; node = node.younger) items.push(node.item);
  return items;
}

function fill(list: LinkedList<string>): Readonly<Record<'a' | 'b' | 'c', ListNode<string>>> {
  return { a: list.add('a'), b: list.add('b'), c: list.add('c') };
}

test.each([
  ['a', ['b', 'c']],
  ['b', ['a', 'c']],
  ['c', ['a', 'b']],
] as const)('without %s, the others keep their order and the next comes last', (name, left) => {
  const list = new LinkedList<string>();
  const seats = fill(list);
  list.remove(seats[name]);
  expect(itemsOf(list)).toEqual(left);
  list.remove(seats[name]);
  list.add('d');
  expect(itemsOf(list)).toEqual([...left, 'd']);
});

test('a seat that was left leads nowhere', () => {
  const list = new LinkedList<string>();
  const { a, b, c } = fill(list);
  for (const node of [b, a, c]) {
    list.remove(node);
    expect(node).toMatchObject({ older: null, younger: null });
  }
  expect(list.oldest).toBeNull();
  list.remove(a);
  list.add('d');
  expect(itemsOf(list)).toEqual(['d']);
});
