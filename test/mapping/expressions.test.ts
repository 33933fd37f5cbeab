import { expect, test } from 'vitest';
import { isExactNumber } from '../../src/json/exact-number.ts';
import { createExpressionCompiler, expressionSyntax } from '../../src/mapping/expressions.ts';

const { compile } = createExpressionCompiler();
const evaluate = (text: string, data: unknown) => compile(text, 'start.body').evaluate(data);

test.each([
  ['config.build ? config.build : target.build', ['config.build', 'config.build', 'target.build']],
  ["$merge([target.options, config, { 'model': target.model }])", ['target.options', 'config', 'target.model']],
  ["output[type='message'].content[type='text'].text", ['output.content.text']],
  ['$map(input.items, function($v) { $v.name & input.suffix })', ['input.items', 'input.suffix']],
  ['$$.body.error and $.status = 200', ['body.error', 'status']],
  ['items.(name & $$.target.x)', ['items', 'target.x']],
  ["run.data.{ 'id': id, 'owner': $$.settings.owner }", ['run.data', 'settings.owner']],
  ['items^(>price).name', ['items']],
  ['($x := input.a; $x.b)', ['input.a']],
  ['input.text ~> $uppercase()', ['input.text']],
  ['items{ kind: price }', ['items']],
  ['`body`."a-b".c', ['body.a-b.c']],
  ["[input.a, -input.b, { 'k': input.c }]", ['input.a', 'input.b', 'input.c']],
  ['$', []],
  ['$.a', ['a']],
  ["'input.x'", []],
  ['$filter(body.runs, function($r) { $r.id = upstream.runId })[0].status', ['body.runs', 'upstream.runId']],
  ['body.a[b = $$.upstream.runId]', ['body.a', 'upstream.runId']],
])('the paths that %s reads from the root are %j', (text, paths) => {
  expect(
    expressionSyntax
      .pathsOf(text)
      .map((path) => path.join('.'))
      .toSorted(),
  ).toStrictEqual(paths.toSorted());
});

test.each([
  ["'a'", 'a'],
  ['1000', 1000],
  ['true', true],
  ['null', null],
  ['a', undefined],
  ["'a' & 'b'", undefined],
])('the constant in %s is %j', (text, value) => {
  expect(expressionSyntax.constantOf(text)).toBe(value);
});

test('an expression is compiled once for all accounts of a backend', () => {
  expect(compile('a.b', 'start.id')).toBe(compile('a.b', 'start.id'));
  expect(compile('a.b', 'start.id')).not.toBe(compile('a.b', 'observe.status'));
});

test('a fault names the place of the expression in its file', async () => {
  await expect(evaluate('$number(a)', { a: 'x' })).rejects.toThrow(/"start\.body"/);
});

test.each([
  ['{"a":[1,"b",null]}', { a: [1, 'b', null] }],
  ['7', 7],
  ['no JSON', undefined],
  ['', undefined],
  ['{"half": ', undefined],
  [undefined, undefined],
  [{ a: 1 }, { a: 1 }],
  [null, null],
  [5, 5],
])('$parseJson of %j gives %j', async (text, value) => {
  expect(await evaluate('$parseJson(text)', { text })).toStrictEqual(value);
});

test('$parseJson keeps exact numbers, unlike members, and a member of its value can be read', async () => {
  const text = '{"id":9007199254740993,"__proto__":{"x":1},"n":{"m":2}}';
  const parsed = await evaluate("$parseJson(text).{ 'id': id, 'm': n.m }", { text });
  expect(JSON.stringify(parsed)).toBe('{"id":9007199254740993,"m":2}');
  const whole = (await evaluate('$parseJson(text)', { text })) as { readonly id: unknown };
  expect(isExactNumber(whole.id)).toBe(true);
  expect(Object.keys(whole)).toContain('__proto__');
});

test('$parseJson of a large text runs in a thread and gives the same', async () => {
  const list = Array.from({ length: 20_000 }, (_, index) => ({ index, text: 'x'.repeat(10) }));
  expect(await evaluate('$count($parseJson(text))', { text: JSON.stringify(list) })).toBe(20_000);
});

test('$parseJson refuses what is nested too deep', async () => {
  await expect(evaluate('$parseJson(text)', { text: '['.repeat(101) + ']'.repeat(101) })).rejects.toThrow(/memory/);
});

test('a misspelt $parseJson is found before anything runs', () => {
  expect(expressionSyntax.findMistake('$parseJsn(a)')).toMatch(/did you mean \$parseJson/);
});
