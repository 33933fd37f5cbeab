import { expect, test } from 'vitest';
import type { Json } from '../../src/contract/domain/json.ts';
import type { Mapping } from '../../src/contract/domain/mapping.ts';
import { boundOutput } from '../../src/mapping/output-bound.ts';
import { measureTurns, nearlyLongest } from '../compute/held-turns.ts';
import { makeAgent } from '../engine/scripted-agent.ts';
import { ScriptedVendor } from '../engine/scripted-vendor.ts';

const { mapping } = makeAgent({
  connection: new ScriptedVendor(),
  layer: { status: { done: 'success' }, output: 'x', errcodes: { default: 1 } },
});

/** A mapping that makes this value of every observation. */
function making(value: Json): Mapping {
  return { ...mapping, read: async () => ({ kind: 'success', output: value }) };
}

const items = Array.from({ length: 120_000 }, (_, at) => ({ at, name: `item ${at}` }));
const large: readonly (readonly [string, Json])[] = [
  ['a list of many objects', items],
  ['an object of many members', Object.fromEntries(items.map((item) => [item.name, item]))],
  ['a long text', 'ü'.repeat(3_000_000)],
  ['nested lists', Array.from({ length: 3000 }, () => [[[items[0] ?? null]], Array.from({ length: 30 }, () => 1)])],
];

test.each(large)('%s is bounded exactly as its bytes say, also where it is measured in slices', async (_, value) => {
  const bytes = Buffer.byteLength(JSON.stringify(value));
  const observation = { status: 'done', raw: null };
  await expect(boundOutput(making(value), bytes * 1.2).read(observation)).resolves.toMatchObject({ output: value });
  await expect(boundOutput(making(value), Math.floor(bytes * 0.9)).read(observation)).rejects.toThrow('larger');
});

test('measuring an output of many parts does not hold the event loop', async () => {
  const bounded = boundOutput(making(Array.from({ length: 8 }, () => items)), 1e9);
  const { turnsMs } = await measureTurns(async () => await bounded.read({ status: 'done', raw: null }));
  expect(turnsMs.length).toBeGreaterThan(5);
  expect(nearlyLongest(turnsMs)).toBeLessThan(10);
});
