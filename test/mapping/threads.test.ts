import { expect, test } from 'vitest';
import { callGuarded } from '../../src/compute/guarded-calls.ts';
import type { EvaluationGuard } from '../../src/contract/domain/evaluation.ts';
import type { Json } from '../../src/contract/domain/json.ts';
import { compileExpression } from '../../src/mapping/evaluate.ts';
import { type Budgets, defaultBudgets } from '../../src/mapping/evaluation.ts';
import { measureTurns, nearlyLongest } from '../compute/held-turns.ts';

const compile = (text: string, queueKey: object = {}, budgets: Partial<Budgets> = {}) =>
  compileExpression(text, { key: 'output', queueKey, budgets: { ...defaultBudgets, ...budgets } });

const row = Array.from({ length: 3000 }, (_, n) => n);
/** Comparing each with each takes minutes, and JSONata does not look at the clock meanwhile. */
const manyRows = Array.from({ length: 20_000 }, (_, id) => ({ id, name: `n${id}` }));
const longText = 'ab'.repeat(500_000);

/** What hangs, the expression, its data, and how it ends. */
const poisons: readonly (readonly [string, string, Json, RegExp])[] = [
  ['a padding of half a gigabyte', '$pad("", 5e8, "ab")', {}, /more memory/],
  ['a padding to the left, and its length', '$length($pad("", -3e8))', {}, /more memory/],
  ['a padding whose width the data gives', '$pad("", width)', { width: 300_000_000 }, /more memory/],
  ['a join with a long separator', '$join(row.$string(), $pad("", 30000, "x"))', { row }, /more memory/],
  ['a year of 300,000,000 digits', '$fromMillis(0, "[Y,300000000-300000000]")', {}, /more memory/],
  ['a number of 2,000,000 digits', '$formatNumber(1, $pad("", 2000000, "0"))', {}, /more memory/],
  ['a text that doubles', '($f := function($s) { $f($s & $s) }; $f("x"))', {}, /more memory/],
  [
    'a sort whose comparator is slow',
    '$sort(row, function($a, $b) { $sum($$.row) > $b })',
    { row },
    /ran longer than 100 ms/,
  ],
  ['a product of lists', '$count(row.($$.row))', { row }, /ran longer than 100 ms|sequence of more than/],
  [
    'a list joined again and again',
    '$map(row, function($v) { $length($join($$.row.$string(), $$.s)) })',
    { row, s: 'x' },
    /ran longer/,
  ],
  ['endless tail calls', '($f := function($n) { $f($n + 1) }; $f(1))', {}, /ran longer than 100 ms/],
  [
    'replacements that multiply',
    '$replace($replace(s, /a|b/, $pad("", 2000, "a")), /a/, $pad("", 2000, "b"))',
    { s: longText.slice(0, 20_000) },
    /more memory/,
  ],
  ['distinct objects', '$count($distinct(rows))', { rows: manyRows }, /ran longer than 100 ms/],
];

test.each(poisons)('%s ends itself and holds nothing up', async (_name, text, data, reason) => {
  const expression = compile(text);
  const other = compile('$sum(list)');
  const others: Promise<Json | undefined>[] = [];
  const timer = setInterval(() => others.push(Promise.resolve(other.evaluate({ list: [1, 2] }))), 5);
  const { turnsMs } = await measureTurns(async () => await expect(expression.evaluate(data)).rejects.toThrow(reason));
  clearInterval(timer);
  expect(new Set(await Promise.all(others))).toEqual(new Set(others.length === 0 ? [] : [3]));
  expect(nearlyLongest(turnsMs)).toBeLessThan(20);
});

test('an agent that poisons every evaluation does not hold up the others', async () => {
  const hanging = {};
  const endless = compile('$count($distinct(rows))', hanging);
  const poisoned = Array.from({ length: 8 }, () => endless.evaluate({ rows: manyRows }));
  const settled = Promise.allSettled(poisoned);
  const before = performance.now();
  // In a thread too, because no bound of its work is known.
  const found = await compile('$sum([1..10])').evaluate({});
  const tookMs = performance.now() - before;
  expect(found).toBe(55);
  const outcomes = await settled;
  const poisonedMs = performance.now() - before;
  expect(outcomes.map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 'rejected'));
  expect(tookMs).toBeLessThan(poisonedMs / 2);
});

test('a large result comes back from a thread as it is', async () => {
  const rows = Array.from({ length: 50_000 }, (_, id) => ({ id, text: `"${id}"\u2028`, nothing: null }));
  expect(await compile('{"all": rows}').evaluate({ rows })).toEqual({ all: rows });
});

test('an expression that gives nothing in a thread gives nothing', async () => {
  expect(await compile('[1..3][$ > 5]').evaluate({})).toBeUndefined();
});

test('an evaluation in a thread is guarded by the call in whose course it is, and by the guard that it is handed before that', async () => {
  // More than is evaluated on the event loop.
  const rows = { row: Array.from({ length: 50_000 }, () => 1) };
  const expression = compile('$sum(row)', {}, { timeMs: 5000 });
  const guarded: string[] = [];
  const guard =
    (name: string): EvaluationGuard =>
    async (key, work) => {
      guarded.push(`${name} ${key}`);
      return await work();
    };
  expect(await expression.evaluate(rows)).toBe(50_000);
  expect(guarded).toEqual([]);
  // As adapters do it: some turns later, and knowing no guard.
  const late = async () => {
    await Promise.resolve();
    return await expression.evaluate(rows);
  };
  expect(await callGuarded(guard('call'), late)).toBe(50_000);
  expect(await callGuarded(guard('call'), async () => await expression.evaluate(rows, guard('own')))).toBe(50_000);
  expect(await callGuarded(undefined, late)).toBe(50_000);
  expect(guarded).toEqual(['call output', 'own output']);
});
