import { expect, test } from 'vitest';
import { Roster, type Seat } from '../../src/collections/linked-list.ts';

function itemsOf<T>(roster: Roster<T>): T[] {
  const items: T[] = [];
  for (let seat = roster.oldest; seat !== null; seat = seat.younger) items.push(seat.item);
  return items;
}

function fill(roster: Roster<string>): Readonly<Record<'a' | 'b' | 'c', Seat<string>>> {
  return { a: roster.add('a'), b: roster.add('b'), c: roster.add('c') };
}

test.each([
  ['a', ['b', 'c']],
  ['b', ['a', 'c']],
  ['c', ['a', 'b']],
] as const)('without %s, the others keep their order and the next comes last', (name, left) => {
  const roster = new Roster<string>();
  const seats = fill(roster);
  roster.remove(seats[name]);
  expect(itemsOf(roster)).toEqual(left);
  roster.remove(seats[name]);
  roster.add('d');
  expect(itemsOf(roster)).toEqual([...left, 'd']);
});

test('a seat that was left leads nowhere', () => {
  const roster = new Roster<string>();
  const { a, b, c } = fill(roster);
  for (const seat of [b, a, c]) {
    roster.remove(seat);
    expect(seat).toMatchObject({ older: null, younger: null });
  }
  expect(roster.oldest).toBeNull();
  roster.remove(a);
  roster.add('d');
  expect(itemsOf(roster)).toEqual(['d']);
});
