import { describe, expect, test } from 'vitest';
import { MappingFault } from '../../src/contract/domain/mapping.ts';
import { readJson } from '../../src/json/exact-number.ts';
import { compileExpression } from '../../src/mapping/evaluate.ts';
import { defaultBudgets } from '../../src/mapping/evaluation.ts';

/** Data that is so large that it is evaluated in a thread. */
const filler = JSON.stringify('x'.repeat(40_000));
const number = '9007199254740993';
const record = `"result":{"id":${number},"price":1.5,"ids":[1,${number},"x"],"status":"ok"},"name":"n"`;
const places = [
  ['in the event loop', `{${record}}`],
  ['in a thread', `{${record},"filler":${filler}}`],
] as const;

const evaluate = async (text: string, data: string) =>
  compileExpression(text, { key: 'output', queueKey: {}, budgets: defaultBudgets }).evaluate(readJson(data));

describe.each(places)('an expression evaluated %s', (_place, data) => {
  test.each([
    ['result.id', number],
    ['{"order": result.id}', `{"order":${number}}`],
    ['[result.id, result.price]', `[${number},1.5]`],
    ['result.ids', `[1,${number},"x"]`],
    ['result.ids[1]', number],
    ['$append(result.ids, 2)', `[1,${number},"x",2]`],
    ['$map(result.ids, function($v) { {"v": $v} })', `[{"v":1},{"v":${number}},{"v":"x"}]`],
    ['name = "n" ? {"r": result} : null', `{"r":{"id":${number},"price":1.5,"ids":[1,${number},"x"],"status":"ok"}}`],
    ['result.price + 1', '2.5'],
    ['$type(result.id)', '"number"'],
    ['$type(result.ids[1]) = "number" ? result.id : 0', number],
    ['$type(result)', '"object"'],
    ['{"id": result.id, "ok": result.status = "ok", "in": name in ["n", "m"]}', `{"id":${number},"ok":true,"in":true}`],
    ['result[status = "ok"].id', number],
    ['$distinct(result.ids)', `[1,${number},"x"]`],
    ['result.ids[$type($) = "number"]', `[1,${number}]`],
    ['$exists(result.id)', 'true'],
    ['$merge([result, {"status": "done"}]).status', '"done"'],
    ['[result.id][]', `[${number}]`],
  ])('%s moves the exact number', async (text, written) => {
    expect(JSON.stringify(await evaluate(text, data))).toBe(written);
  });

  test.each([
    ['result.id + 1', 'result.id'],
    ['-result.id', 'result.id'],
    ['result.id * 1', 'result.id'],
    ['result.id > 5', 'result.id'],
    ['result.id = 9007199254740993', 'result.id'],
    ['result.id != 5', 'result.id'],
    ['result.id in [1, 2]', 'result.id'],
    ['1 in result.ids', 'result.ids[1]'],
    ['result = {}', 'result.id'],
    ['[5, result.id] = [5, 6]', 'result.id'],
    ['result.ids[$ = 1]', 'result.ids[1]'],
    ['$string(result.id)', 'result.id'],
    ['result.id & ""', 'result.id'],
    ['$number(result.id)', 'result.id'],
    ['$sum(result.ids)', 'result.ids[1]'],
    ['$max([result.id, 2])', 'result.id'],
    ['$floor(result.id)', 'result.id'],
    ['$keys(result.id)', 'result.id'],
    ['result.id ? 1 : 2', 'result.id'],
    ['$not(result.id)', 'result.id'],
    ['$clone(result)', 'result.id'],
    ['$string(result)', 'result.id'],
    ['[1..result.id]', 'result.id'],
    ['$sort([result.id, 2])', 'result.id'],
  ])('%s would compute with the exact number, and is refused with its path', async (text, path) => {
    const fault = await evaluate(text, data).catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(MappingFault);
    expect((fault as MappingFault).reason).toBe(
      `it would compute with the number at ${path}, which a double cannot hold`,
    );
  });
});

test('a plain path ends at an exact number', async () => {
  expect(await evaluate('result.id.source.length', `{${record}}`)).toBeUndefined();
  expect(await evaluate('result.id', `{${record}}`)).toEqual(readJson(number));
});
