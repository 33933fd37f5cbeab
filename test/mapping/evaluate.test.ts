import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import fc from 'fast-check';
import jsonata from 'jsonata';
import { describe, expect, it } from 'vitest';
import type { CompiledExpression } from '../../src/contract/adapter/expressions.ts';
import type { Json } from '../../src/contract/domain/json.ts';
import { MappingFault } from '../../src/contract/domain/mapping.ts';
import { compileExpression } from '../../src/mapping/evaluate.ts';
import { defaultBudgets } from '../../src/mapping/evaluation.ts';
import { functions } from '../../src/mapping/functions.ts';
import { addParseJson } from '../../src/mapping/parse-json-function.ts';
import { findMistake } from '../../src/mapping/syntax.ts';

function expression(text: string): CompiledExpression {
  expect(findMistake(text)).toBeUndefined();
  return compileExpression(text, { key: 'output', queueKey: {}, budgets: defaultBudgets });
}

const evaluate = async (text: string, data: unknown) => await expression(text).evaluate(data);

describe('a plain path', () => {
  it.each(['result', '$.result', '$$.result', '`result`'])(
    'the plain path %s gives the very value, whatever it is',
    async (text) => {
      await fc.assert(
        fc.asyncProperty(fc.jsonValue(), async (result) => {
          expect(await evaluate(text, { result })).toBe(result);
        }),
        { numRuns: 50 },
      );
    },
  );

  it('the path $ gives the root', async () => {
    const raw = [[1]];
    expect(await evaluate('$', raw)).toBe(raw);
  });

  it('a plain path has no value where a member is missing or has no members', async () => {
    for (const data of [{}, { a: null }, { a: 1 }, { a: 'text' }, null, 'text']) {
      expect(await evaluate('a.b', data)).toBeUndefined();
    }
  });

  it('a plain path sees no members that the vendor did not send', async () => {
    for (const text of ['constructor', 'a.length', 'a.toString', 'hasOwnProperty']) {
      expect(await evaluate(text, { a: 'text' })).toBeUndefined();
    }
  });

  it('a plain path maps over an array that it crosses, as JSONata does', async () => {
    expect(await evaluate('items.name', { items: [{ name: 'a' }, { name: 'b' }, {}] })).toStrictEqual(['a', 'b']);
    expect(await evaluate('items.name', { items: [{ name: 'a' }] })).toBe('a');
    expect(await evaluate('name', [{ name: 'a' }, { name: 'b' }])).toStrictEqual(['a', 'b']);
  });
});

describe('an expression', () => {
  it('an expression carries any JSON through an object unchanged', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (value) => {
        const result = value as Json;
        const actual = await evaluate("{'is': result, 'beside': 1}", { result });
        expect(JSON.stringify(actual)).toBe(JSON.stringify({ is: result, beside: 1 }));
      }),
      { numRuns: 50 },
    );
  });

  it('a member that is named __proto__ stays an ordinary one in an expression', async () => {
    const result = JSON.parse('{"__proto__": {"polluted": true}}');
    const actual = await evaluate("{'is': result}", { result });
    expect(JSON.stringify(actual)).toBe('{"is":{"__proto__":{"polluted":true}}}');
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  });

  it.each([
    'items[price > 1]',
    'items.price',
    '[1..3]',
    'items^(>price)',
    '$map(items, function($i) { $i.price })',
    'items[]',
  ])('the array that %s gives has no marks of JSONata', async (text) => {
    const items = [{ price: 1 }, { price: 2 }, { price: 3 }];
    const actual = await evaluate(text, { items });
    expect(Reflect.ownKeys(actual as object).filter((key) => !/^\d+$/.test(String(key)))).toEqual(['length']);
  });

  it.each(['items[]', 'items^(>price)', '$sort(items.price)', '$ ~> |items|{"price": 0}|', 'items[0][]'])(
    'the expression %s does not change its data',
    async (text) => {
      const data = { items: [{ price: 2 }, { price: 1 }] };
      await evaluate(text, data);
      expect(data).toStrictEqual({ items: [{ price: 2 }, { price: 1 }] });
      expect(Object.keys(data.items)).toEqual(['0', '1']);
    },
  );

  it('an expression drops members without a value', async () => {
    expect(await evaluate("{'a': missing, 'b': 1}", {})).toStrictEqual({ b: 1 });
  });

  it.each([
    ['$sum', 'it gives a function'],
    ['function($x) { $x }', 'it gives a function'],
    ["{'deep': [{'f': $sum}]}", 'it gives a function'],
    ['/a/', 'it gives a function'],
    ['1 / zero', 'it gives the number Infinity'],
    ['name + 1', 'JSONata error T2001'],
    ["$number('1e999')", 'JSONata error D3030'],
    ["$error('secret ' & name)", 'JSONata error D3137'],
  ])('the fault of the expression %s does not quote the data', async (text, reason) => {
    const fault = await evaluate(text, { zero: 0, name: 'hunter2' }).catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(MappingFault);
    expect(fault).toMatchObject({ name: 'MappingFault', expression: 'output' });
    expect(String(fault)).toContain(`the mapping's "output" expression failed: ${reason}`);
    expect(String(fault)).not.toContain('hunter2');
  });

  it('an expression that never settles is a fault', async () => {
    const text = "($give := function($f) { {'then': $f} }; $give(function($x) { 1 }))";
    await expect(evaluate(text, {})).rejects.toThrow('it cannot be evaluated');
    expect(await evaluate('1 + 1', {})).toBe(2);
  });

  it('evaluations that run at once share nothing', async () => {
    const shared = expression('($n := n; $double := function($x) { $x * 2 }; [$n, $double($n), $double(n)])');
    const numbers = Array.from({ length: 100 }, (_, n) => n);
    const results = await Promise.all(numbers.map((n) => shared.evaluate({ n })));
    expect(results).toStrictEqual(numbers.map((n) => [n, 2 * n, 2 * n]));
  });
});

describe('the list of functions', () => {
  const source = readFileSync(createRequire(import.meta.url).resolve('jsonata'), 'utf8');
  const bound = [...source.matchAll(/(?:staticFrame|environment)\.bind\('(\w+)'/g)].map(([, name]) => name);

  it('the list of functions is that of JSONata without $eval, and $parseJson', () => {
    expect([...functions.keys()].sort()).toEqual([...bound.filter((name) => name !== 'eval'), 'parseJson'].sort());
  });

  it('the list of functions holds functions only', async () => {
    for (const name of functions.keys()) {
      const program = jsonata(`$type($${name})`);
      addParseJson(program);
      expect(await program.evaluate({})).toBe('function');
    }
  });
});
