import { describe, expect, it } from 'vitest';
import type { InputContext, Mapping, ResumeContext } from '../../src/contract/domain/mapping.ts';
import { compileMapping, type MappingLayer, type MappingProblem } from '../../src/mapping/compile.ts';

const base: MappingLayer = {
  source: 'base.yaml',
  mapping: {
    status: { open: 'pending', closed: 'success', broken: [{ when: "why = 'slow'", is: 'timeout' }, { is: 'error' }] },
    output: 'result',
    error: "{'code': why, 'description': text}",
    errcodes: { default: 2000, slow: 2001 },
  },
};

function compiled(...mappings: readonly unknown[]): Mapping {
  const layers = mappings.map((mapping, index) => ({ source: `layer ${index}`, mapping }));
  const compilation = compileMapping([base, ...layers]);
  if (compilation.kind !== 'compiled') throw new Error(JSON.stringify(compilation.problems));
  return compilation.mapping;
}

function problemsOf(...layers: readonly MappingLayer[]): readonly MappingProblem[] {
  const compilation = compileMapping(layers);
  if (compilation.kind !== 'refused') throw new Error('the mapping was expected to be refused');
  return compilation.problems;
}

/** The single problem of an inline layer over the base, as `path: message`. */
function refusal(mapping: unknown): string {
  const problems = problemsOf(base, { source: 'inline', mapping });
  expect(problems).toHaveLength(1);
  expect(problems[0]?.source).toBe('inline');
  return `${problems[0]?.path}: ${problems[0]?.message}`;
}

const inputContext: InputContext = {
  input: { url: 'https://shop.example' },
  messages: [{ role: 'user', content: 'Hi' }],
  config: { locale: 'de' },
  metadata: { team: 'a' },
  state: null,
  history: [],
  agent: { name: 'scraper', version: '1.2.0' },
};
const resumeContext: ResumeContext = {
  payload: { approved: true },
  interrupt: { interrupt_type: 'approval' },
  run: { run_id: 'r-1', upstream: { runId: 'u-1' } },
};

describe('layers', () => {
  it('a later layer replaces one part and keeps the others', async () => {
    const mapping = compiled({ output: 'result.a' }, { errcodes: { slow: 2999 } });

    expect(await mapping.read({ status: 'closed', raw: { result: { a: 1 } } })).toEqual({ kind: 'success', output: 1 });
    expect(await mapping.read({ status: 'broken', raw: { why: 'slow', text: 'Late' } })).toEqual({
      kind: 'failed',
      status: 'timeout',
      errcode: 2999,
      description: 'Late',
    });
    expect(await mapping.read({ status: 'broken', raw: { why: 'other', text: 'Bad' } })).toMatchObject({
      errcode: 2000,
    });
  });

  it('a later layer replaces a status row as a whole and keeps the other rows', async () => {
    const mapping = compiled({ status: { broken: 'error', late: 'timeout' } });

    expect(await mapping.read({ status: 'broken', raw: { why: 'slow' } })).toMatchObject({ status: 'error' });
    expect(await mapping.read({ status: 'late', raw: {} })).toMatchObject({ status: 'timeout' });
    expect(await mapping.read({ status: 'open', raw: {} })).toEqual({ kind: 'pending', partial: undefined });
  });

  it('a name that every object has is not taken for a status', async () => {
    expect(await compiled().read({ status: 'constructor', raw: {} })).toEqual({
      kind: 'unmapped',
      vendorStatus: 'constructor',
    });
  });

  it('an unknown code gets the errcode of the gateway where no layer has a default', async () => {
    const compilation = compileMapping([{ source: 'own', mapping: { status: { bad: 'error' }, output: 'result' } }]);
    if (compilation.kind !== 'compiled') throw new Error('refused');
    expect(await compilation.mapping.read({ status: 'bad', raw: {} })).toEqual({
      kind: 'failed',
      status: 'error',
      errcode: 1100,
      description: 'the vendor ended the run as "bad" and gave no reason',
    });
  });
});

describe('interrupts', () => {
  it('a mapping knows whether a run can be interrupted', () => {
    expect(compiled().interrupts).toBe(false);
    expect(compiled({ interrupt: 'output.ask' }).interrupts).toBe(true);
    expect(compiled({ status: { waiting: 'interrupted' } }).interrupts).toBe(true);
    expect(compiled({ status: { open: [{ when: 'ask', is: 'interrupted' }, { is: 'pending' }] } }).interrupts).toBe(
      true,
    );
  });
});

describe('truth of when', () => {
  it.each([
    ['an absent member', {}, 'error'],
    ['null', { flag: null }, 'error'],
    ['an empty string', { flag: '' }, 'error'],
    ['zero', { flag: 0 }, 'error'],
    ['an empty object', { flag: {} }, 'error'],
    ['an empty array', { flag: [] }, 'error'],
    ['an array of nothing true', { flag: [0, false] }, 'error'],
    ['a string', { flag: 'x' }, 'timeout'],
    ['an object', { flag: { a: 0 } }, 'timeout'],
    ['an array with something true', { flag: [0, 1] }, 'timeout'],
  ])('a condition is true as in JSONata: %s', async (_, raw, status) => {
    const mapping = compiled({ status: { broken: [{ when: 'flag', is: 'timeout' }, { is: 'error' }] } });
    expect(await mapping.read({ status: 'broken', raw })).toMatchObject({ status });
  });
});

describe('input and resume', () => {
  it('input and resume payload pass unchanged where no expression is given', async () => {
    expect(await compiled().input(inputContext)).toBe(inputContext.input);
    expect(await compiled().input({ ...inputContext, input: null, messages: [] })).toEqual({});
    expect(await compiled().resume(resumeContext)).toBe(resumeContext.payload);
  });

  it('input and resume expressions see everything that their contexts hold', async () => {
    const mapping = compiled({
      input:
        "{'u': input.url, 'm': messages, 'l': config.locale, 't': metadata.team, 'a': agent.name, 'v': agent.version}",
      resume: "{'name': interrupt.interrupt_type, 'body': payload, 'run': run.run_id, 'upstream': run.upstream.runId}",
    });
    expect(await mapping.input(inputContext)).toEqual({
      u: 'https://shop.example',
      m: [{ role: 'user', content: 'Hi' }],
      l: 'de',
      t: 'a',
      a: 'scraper',
      v: '1.2.0',
    });
    expect(await mapping.resume(resumeContext)).toEqual({
      name: 'approval',
      body: { approved: true },
      run: 'r-1',
      upstream: 'u-1',
    });
  });
});

describe('refusals', () => {
  it.each([
    [{ outptu: 'result' }, 'outptu: unknown key; known keys are status, input, output,'],
    [{ output: '' }, 'output: an expression must not be empty'],
    [{ output: 7 }, 'output: an expression must be a string'],
    [{ output: 'result.' }, 'output: the expression does not parse: Unexpected end of expression (at character 7)'],
    [{ output: '$lowercas(result)' }, 'output: the expression cannot work: nothing defines $lowercas'],
    [
      { interrupt: 'not(result)' },
      'interrupt: the expression cannot work: not(...) calls no function; did you mean $not',
    ],
    [{ input: "$eval('1')" }, 'input: the expression cannot work: nothing defines $eval'],
    [{ status: { open: 'waiting' } }, 'status.open: must be one of pending, success, '],
    [{ status: { open: [] } }, 'status.open: a list of cases must not be empty'],
    [{ status: { open: [{ when: 'a', is: 'error' }] } }, 'status.open[0]: the last case must be a bare "is"'],
    [
      { status: { open: [{ is: 'error' }, { is: 'success' }] } },
      'status.open[0]: only the last case may do without "when"',
    ],
    [
      { status: { open: [{ when: 'a[', is: 'error' }, { is: 'success' }] } },
      'status.open[0].when: the expression does not parse',
    ],
    [{ status: { open: [{ is: 'error', wen: 'a' }] } }, 'status.open[0].wen: unknown key; known keys are when, is'],
    [{ errcodes: { slow: 2.5 } }, 'errcodes.slow: an errcode must be a whole number'],
    [{ errcodes: { slow: 1001 } }, "errcodes.slow: 1000 to 1999 are the gateway's own errcodes"],
    ['output', ': must be a mapping with "status", "output" and the like'],
    [{ status: [] }, 'status: must be a mapping from statuses of the vendor'],
    [{ status: 'error' }, 'status: must be a mapping from statuses of the vendor'],
    [{ status: { open: {} } }, 'status.open: must be a status, or a list of cases'],
    [{ status: { open: 7 } }, 'status.open: must be a status, or a list of cases'],
    [{ status: { open: null } }, 'status.open: must be a status, or a list of cases'],
    [{ status: { open: ['error'] } }, 'status.open[0]: a case must be a mapping with "is"'],
    [{ status: { open: [{}] } }, 'status.open[0].is: must be one of pending'],
    [{ errcodes: [2000] }, 'errcodes: must be a mapping from words of the vendor'],
    [{ errcodes: { slow: '2000' } }, 'errcodes.slow: an errcode must be a whole number'],
  ])('the invalid mapping %j is refused with its problems', (mapping, expected) => {
    expect(refusal(mapping)).toContain(expected);
  });

  it('every problem of every layer is reported at once', () => {
    const problems = problemsOf(
      { source: 'one.yaml', mapping: { outptu: 'result', error: '(', status: { open: 'opne' } } },
      { source: 'agents[1].mapping', mapping: { input: ')' } },
    );
    expect(problems.map(({ source, path }) => `${source} ${path}`).sort()).toEqual([
      'agents[1].mapping input',
      'one.yaml error',
      'one.yaml outptu',
      'one.yaml status.open',
    ]);
  });

  it('a status table and an output that no layer has are reported as missing', () => {
    expect(problemsOf({ source: 'empty.yaml', mapping: {} }).map(({ path }) => path)).toEqual(['status', 'output']);
  });

  it('names that an expression defines itself are accepted', () => {
    const output =
      '($total := function($list) { $sum($list.price) }; items#$i[$i < 2].{"n": $i}; orders@$o.lines[$o.id = order].($total($)))';
    expect(compiled({ output }).interrupts).toBe(false);
  });
});
