import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { errcodes } from '../../src/contract/domain/errcodes.ts';
import type { Json } from '../../src/contract/domain/json.ts';
import type { Mapping } from '../../src/contract/domain/mapping.ts';
import { compileMapping } from '../../src/mapping/compile.ts';

const readText = (name: string) => readFileSync(new URL(`../../mappings/${name}`, import.meta.url), 'utf8');

function shipped(vendor: string, inline: unknown = {}): Mapping {
  const compilation = compileMapping([
    { source: `${vendor}.yaml`, mapping: parse(readText(`${vendor}.yaml`)) },
    { source: 'inline', mapping: inline },
  ]);
  if (compilation.kind !== 'compiled') throw new Error(JSON.stringify(compilation.problems));
  return compilation.mapping;
}

const inputOf = (vendor: string, input: Json, messages: Json = null) =>
  shipped(vendor).input({
    input,
    messages,
    config: {},
    metadata: {},
    state: null,
    history: [],
    agent: { name: 'a', version: '1' },
  });

const resumeWith = (payload: Json) =>
  shipped('restack').resume({ payload, interrupt: {}, run: { run_id: 'r', upstream: { runId: 'u' } } });

describe('the vendor input', () => {
  const messages = [{ role: 'user', content: 'Hi' }];

  it.each([
    [{ message: 'Hi' }, { message: 'Hi' }],
    [{}, {}],
    [null, {}],
    ['text', 'text'],
    [0, 0],
    [false, false],
    [[{ a: 1 }], [{ a: 1 }]],
    [[], []],
  ])('the vendor input %j passes as it is', async (input, expected) => {
    for (const vendor of ['intuned', 'restack']) expect(await inputOf(vendor, input)).toStrictEqual(expected);
  });

  it.each(['intuned', 'restack'])('the vendor input of %s is the messages where there is no input', async (vendor) => {
    expect(await inputOf(vendor, {}, messages)).toStrictEqual({ messages });
    expect(await inputOf(vendor, null, messages)).toStrictEqual({ messages });
    expect(await inputOf(vendor, { a: 1 }, messages)).toStrictEqual({ a: 1 });
    expect(await inputOf(vendor, {}, [])).toStrictEqual({});
  });
});

describe('the event that resumes a Restack agent', () => {
  it.each([
    [
      { eventName: 'approval', eventInput: { approved: true } },
      { eventName: 'approval', eventInput: { approved: true } },
    ],
    [{ eventName: 'end' }, { eventName: 'end' }],
    [{ approved: true }, { eventName: 'resume', eventInput: { approved: true } }],
    [{ interrupt_type: 'approval' }, { eventName: 'resume', eventInput: { interrupt_type: 'approval' } }],
    [{ eventName: 7 }, { eventName: 'resume', eventInput: { eventName: 7 } }],
    [['yes'], { eventName: 'resume', eventInput: ['yes'] }],
    ['yes', { eventName: 'resume', eventInput: 'yes' }],
    [false, { eventName: 'resume', eventInput: false }],
    [null, { eventName: 'resume', eventInput: null }],
  ])('the resume payload %j becomes the expected event of a Restack agent', async (payload, expected) => {
    expect(await resumeWith(payload)).toStrictEqual(expected);
  });
});

describe('docs/mappings.md', () => {
  const page = readText('../docs/mappings.md');
  const examples = [...page.matchAll(/```yaml[^\n]*\n([\s\S]*?)```/g)].map(([, text]) => parse(text ?? '').mapping);

  it('the three examples of docs/mappings.md compile', () => {
    expect(examples).toHaveLength(3);
    expect(shipped('restack', examples[0]).interrupts).toBe(false);
    expect(shipped('intuned', examples[1]).interrupts).toBe(false);
    expect(shipped('restack', examples[2]).interrupts).toBe(true);
  });

  it('the example of docs/mappings.md works as its text says', async () => {
    const mapping = shipped('restack', examples[2]);
    const run = (status: string, output: Json) => mapping.read({ status, raw: { status, output } });
    expect(await run('running', { interrupt: { interrupt_type: 'approval' } })).toMatchObject({ kind: 'interrupted' });
    expect(await run('completed', { approved: true })).toMatchObject({ kind: 'success' });
    expect(await run('completed', { approved: false })).toEqual({
      kind: 'failed',
      status: 'error',
      errcode: 3000,
      description: 'the approval was refused',
    });
  });

  it("docs/mappings.md leads to the gateway's own errcodes", () => {
    expect(page).toContain('[Errors](errors.md)');
    const listed = [...readText('../docs/errors.md').matchAll(/^\| (1\d{3}) +\|/gm)].map(([, errcode]) =>
      Number(errcode),
    );
    expect(listed).toEqual(Object.values(errcodes));
  });
});
