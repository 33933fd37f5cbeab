import { describe, expect, it } from 'vitest';
import { MappingFault } from '../../src/contract/domain/mapping.ts';
import { compileMapping } from '../../src/mapping/compile.ts';
import { compileExpression } from '../../src/mapping/evaluate.ts';
import { BudgetFault, type Budgets, Evaluation } from '../../src/mapping/evaluation.ts';
import { SerialQueue } from '../../src/mapping/serial-queue.ts';

const budgets: Budgets = { timeMs: 50, depth: 300, sequence: 1000 };
/** For what is to end by another budget than time, however slow the machine is. */
const ample: Budgets = { ...budgets, timeMs: 20_000 };
const compile = (text: string, queueKey: object = {}, within = budgets) =>
  compileExpression(text, { key: 'output', queueKey, budgets: within });
const evaluateHere = (text: string, data: unknown) => new Evaluation(text, { key: 'output', budgets }).evaluate(data);
const endless = '($loop := function($n) { $loop($n + 1) }; $loop(1))';

describe('an evaluation over its budget', () => {
  it.each([
    ['endless recursion', '($f := function($n) { 1 + $f($n + 1) }; $f(1))', 'it nests deeper than 300 steps'],
    ['endless recursion in an argument', '($f := function($n) { $f($f($n)) }; $f(1))', 'it nests deeper than 300'],
    ['an endless loop by tail calls', endless, 'it ran longer than 50 ms'],
    [
      'a slow loop',
      '$sum($map([1..1000], function($a) { $sum($map([1..1000], function($b) { $a * $b })) }))',
      'it ran longer than 50 ms',
    ],
    ['a huge range', '[1..1e9]', 'it builds a sequence of more than 1000 values'],
    ['a range just over the budget', '[1..1001]', 'it builds a sequence of more than 1000 values'],
    ['a product of sequences', '[1..999].([1..999])', 'it builds a sequence of more than 1000 values'],
    [
      'doubling a sequence',
      '$reduce([1..30], function($a, $b) { $append($a, $a) }, [1, 2])',
      'it builds a sequence of more than 1000 values',
    ],
    ['doubling a string', "($f := function($s) { $f($s & $s) }; $f('x'))", 'it needs more memory than it may use'],
  ])('an evaluation that exceeds its budget is ended: %s', async (_, text, reason) => {
    const bystander = compile('$sum(numbers)');
    const [fault, sum] = await Promise.all([
      Promise.resolve(compile(text, {}, reason.includes('longer') ? budgets : ample).evaluate({})).catch(
        (error: unknown) => error,
      ),
      bystander.evaluate({ numbers: [1, 2, 3] }),
    ]);
    expect(fault).toBeInstanceOf(BudgetFault);
    expect(fault).toBeInstanceOf(MappingFault);
    expect(String(fault)).toContain(reason);
    expect(sum).toBe(6);
    expect(await bystander.evaluate({ numbers: [4] })).toBe(4);
  });

  it('an evaluation may use its budget up to the end', async () => {
    expect(await compile('$count([1..1000])').evaluate({})).toBe(1000);
  });

  it('exceeding a budget ends one evaluation of an expression and none of the others', async () => {
    const shared = compile('($f := function($n) { $n = 0 ? 0 : $f($n - step) }; $f(10))');
    const results = await Promise.allSettled([1, 0, 2, 5, 0, 10].map((step) => shared.evaluate({ step })));
    expect(results.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
  });

  it('an evaluation is not charged for what others use', async () => {
    // Together they take far more than one budget, each by itself a small part of it.
    const busy = '$sum($map([1..300], function($n) { $n * $n }))';
    const others = Array.from({ length: 60 }, () => compile(busy).evaluate({}));
    expect(new Set(await Promise.all(others))).toEqual(new Set([9_045_050]));
  });
});

/** Data whose reading stops the thread, as when the machine takes the processor away. */
function stoppingData(stops: number, stopMs: number) {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  let reads = 0;
  return {
    get reads() {
      return reads;
    },
    data: {
      get value() {
        reads += 1;
        if (reads <= stops) Atomics.wait(cell, 0, 0, stopMs);
        return 20;
      },
    },
  };
}

describe('a process that was stopped', () => {
  it('an evaluation gets a second attempt after the process was stopped', async () => {
    const stopping = stoppingData(1, 2 * budgets.timeMs);
    expect(await evaluateHere('value + 1', stopping.data)).toBe(21);
    expect(stopping.reads).toBe(2);
  });

  it('an evaluation gets no third attempt', async () => {
    const stopping = stoppingData(Number.POSITIVE_INFINITY, 6 * budgets.timeMs);
    await expect(evaluateHere('value + 1', stopping.data)).rejects.toThrow('it ran longer than 50 ms');
    expect(stopping.reads).toBe(2);
  });
});

describe('reading a pending run', () => {
  const mappingWith = (output: string) => {
    const mapping = { status: { open: 'pending', closed: 'success' }, output };
    const compilation = compileMapping([{ source: 'test', mapping }], { budgets });
    if (compilation.kind !== 'compiled') throw new Error(JSON.stringify(compilation.problems));
    return compilation.mapping;
  };

  it('an output expression may fail on a pending run, but not on its result', async () => {
    const mapping = mappingWith('$number(total)');
    expect(await mapping.read({ status: 'open', raw: { total: null } })).toEqual({
      kind: 'pending',
      partial: undefined,
    });
    expect(await mapping.read({ status: 'closed', raw: { total: '7' } })).toEqual({ kind: 'success', output: 7 });
    await expect(mapping.read({ status: 'closed', raw: { total: null } })).rejects.toThrow(MappingFault);
  });

  it('an output expression that exceeds a budget fails even on a pending run', async () => {
    await expect(mappingWith(endless).read({ status: 'open', raw: {} })).rejects.toThrow(BudgetFault);
  });
});

describe('the serial queue', () => {
  it('the serial queue runs one evaluation at a time, and agents take turns', async () => {
    const queue = new SerialQueue();
    const order: string[] = [];
    let inside = 0;
    const permit = (queueKey: object, name: string) =>
      queue.permit(queueKey, async () => {
        inside += 1;
        expect(inside).toBe(1);
        await Promise.resolve();
        order.push(name);
        inside -= 1;
        return name;
      });
    const a = {};
    const b = {};

    const results = await Promise.all([
      permit(a, 'a1'),
      permit(a, 'a2'),
      permit(a, 'a3'),
      permit(b, 'b1'),
      permit(b, 'b2'),
    ]);

    expect(results).toEqual(['a1', 'a2', 'a3', 'b1', 'b2']);
    expect(order).toEqual(['a1', 'a2', 'b1', 'a3', 'b2']);
  });

  it('the serial queue runs the next evaluation after a failure', async () => {
    const queue = new SerialQueue();
    const queueKey = {};
    const failed = queue.permit(queueKey, () => Promise.reject(new Error('no')));
    const next = queue.permit(queueKey, async () => 'yes');
    await expect(failed).rejects.toThrow('no');
    expect(await next).toBe('yes');
    expect(await queue.permit(queueKey, async () => 'again')).toBe('again');
  });

  it('the event loop turns while slow evaluations wait in the serial queue', async () => {
    const queueKey = {};
    let turns = 0;
    const count = () => {
      turns += 1;
      ticking = setImmediate(count);
    };
    let ticking = setImmediate(count);
    const turnsAtEnd = await Promise.all(
      Array.from({ length: 4 }, () => Promise.resolve(compile(endless, queueKey).evaluate({})).catch(() => turns)),
    );
    clearImmediate(ticking);
    expect(turnsAtEnd.at(-1)).toBeGreaterThan(Number(turnsAtEnd[0]));
  });
});
