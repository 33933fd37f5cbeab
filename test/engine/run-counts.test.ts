import { expect, test } from 'vitest';
import { openRig, tenant } from './engine-rig.ts';

test('equal counts at the same time are one count of the store, and a later one is another', async () => {
  const rig = await openRig();
  await rig.create();
  let asked = 0;
  const count = rig.store.count.bind(rig.store);
  rig.store.count = (conditions) => {
    asked += 1;
    return count(conditions);
  };
  const { runs } = rig.engine.api;
  const counts = await Promise.all([
    ...[runs.count({ tenant }), runs.count({ tenant }), runs.count({ tenant: 'other' })],
    runs.count({ tenant, status: 'success' }),
  ]);
  expect(counts).toEqual([1, 1, 0, 0]);
  expect(asked).toBe(3);
  await rig.create();
  expect(await runs.count({ tenant })).toBe(2);
  expect(asked).toBe(4);
  await expect(runs.count({ tenant, metadata: { long: 'x'.repeat(70_000) } })).rejects.toThrow('too large to compare');
  await rig.close();
});
