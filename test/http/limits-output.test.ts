import { describe, expect, test } from 'vitest';
import { compileMapping } from '../../src/mapping/compile.ts';
import { boundOutput } from '../../src/mapping/output-bound.ts';

/** Every expression makes as many characters as its input says. */
const swelling = '$join([1..size].("x"))';
const compiled = compileMapping([
  {
    source: 'test',
    mapping: {
      status: { done: 'success', running: 'pending', asks: 'interrupted' },
      output: swelling,
      input: '$join([1..input.size].("x"))',
      interrupt: `status = 'asks' ? ${swelling}`,
      resume: '$join([1..payload.size].("x"))',
      threadState: '$join([1..output.size].("x"))',
    },
  },
]);
if (compiled.kind !== 'compiled') throw new Error(JSON.stringify(compiled));
// A hundred and two bytes: the text in its quotes.
const mapping = boundOutput(compiled.mapping, 102);

const look = (status: string, size: number) => mapping.read({ status, raw: { status, size } });
const context = {
  messages: [],
  config: {},
  metadata: {},
  state: null,
  history: [],
  agent: { name: 'a', version: '1' },
};
const tooLarge = (expression: string) =>
  `the mapping's "${expression}" expression failed: its result is larger than 102 bytes`;

describe('what a mapping makes', () => {
  test('the result of a mapping passes unchanged up to the bound', async () => {
    expect(await look('done', 100)).toEqual({ kind: 'success', output: 'x'.repeat(100) });
    expect(await look('asks', 100)).toMatchObject({ kind: 'interrupted' });
    expect(await look('running', 100)).toEqual({ kind: 'pending', partial: 'x'.repeat(100) });
    expect(await mapping.input({ ...context, input: { size: 100 } })).toHaveLength(100);
    expect(mapping.interrupts).toBe(true);
  });

  test('the result of a mapping above the bound is refused, whichever expression made it', async () => {
    await expect(look('done', 101)).rejects.toThrow(tooLarge('output'));
    await expect(look('asks', 101)).rejects.toThrow(tooLarge('interrupt'));
    await expect(mapping.input({ ...context, input: { size: 101 } })).rejects.toThrow(tooLarge('input'));
    const run = { run_id: 'r', upstream: { runId: 'u' } };
    await expect(mapping.resume({ payload: { size: 101 }, interrupt: null, run })).rejects.toThrow(tooLarge('resume'));
    const state = { state: null, input: {}, messages: [], output: { size: 101 } };
    await expect(mapping.threadState(state)).rejects.toThrow(tooLarge('threadState'));
  });

  test('a partial output above the bound is left out and does not end its run', async () => {
    expect(await look('running', 101)).toEqual({ kind: 'pending', partial: undefined });
  });
});

test.each([
  [['a', 'b'], 11],
  [{ a: 1, bc: [true, null] }, 27],
  ['€', 5],
  [12345, 5],
])('the value %j counts as at most %i bytes', async (value, bytes) => {
  const echo = compileMapping([{ source: 'test', mapping: { status: { done: 'success' }, output: 'value' } }]);
  if (echo.kind !== 'compiled') throw new Error(JSON.stringify(echo));
  const observation = { status: 'done', raw: { value } };
  expect(Buffer.byteLength(JSON.stringify(value))).toBeLessThanOrEqual(bytes);
  await expect(boundOutput(echo.mapping, bytes).read(observation)).resolves.toMatchObject({ output: value });
  await expect(boundOutput(echo.mapping, Math.floor(bytes / 2)).read(observation)).rejects.toThrow('larger');
});
