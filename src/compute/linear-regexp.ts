import { RE2JS } from 're2js';
import { assertNever } from '../contract/domain/assert-never.ts';
import { type Conditions, splitLookahead } from './split-lookahead.ts';
import {
  type CountedPattern,
  parseRegExp,
  readCountedPattern,
  translateRegExp,
  UnsupportedRegExp,
} from './translate-regexp.ts';

type Program = { readonly re2: RE2JS; readonly groups: number };

/** By what was compiled: expressions make their regular expressions anew in each evaluation. */
const programs = new WeakMap<RegExp, Program>();

/**
 * A regular expression whose time grows with the text and never faster, whatever pattern and text are. Has the part of
 * RegExp's protocol that Ajv (`test`) and JSONata (`lastIndex`, `exec`) use; `exec` always goes on from `lastIndex`, as
 * with the flag `g`.
 */
export class LinearRegExp {
  lastIndex = 0;
  readonly #program: Program;
  /** Where the last match of a text ended, to go on without looking at what lies before. */
  #open: { readonly text: string; readonly matcher: ReturnType<RE2JS['matcher']> } | null = null;

  /** @throws UnsupportedRegExp for what no linear engine can do; SyntaxError for what is no regular expression */
  constructor(regexp: RegExp) {
    const known = programs.get(regexp);
    this.#program = known ?? compile(regexp.source, { flags: regexp.flags, captures: true });
    if (known === undefined) programs.set(regexp, this.#program);
  }

  /** States of its automaton: what one character of a text costs at most. */
  get size(): number {
    return this.#program.re2.programSize();
  }

  exec(text: string): RegExpExecArray | null {
    const from = this.lastIndex;
    const open = this.#open;
    const goesOn = open !== null && open.text === text && from > 0 && open.matcher.end() === from;
    const matcher = goesOn ? open.matcher : this.#program.re2.matcher(text);
    if (from > text.length || !(goesOn ? matcher.find() : matcher.find(from))) {
      this.lastIndex = 0;
      this.#open = null;
      return null;
    }
    const [start, end] = [matcher.start(), matcher.end()];
    this.lastIndex = end;
    // After an empty match, ECMAScript finds it again; the matcher would step over it.
    this.#open = end > start ? { text, matcher } : null;
    const groups = Array.from({ length: this.#program.groups }, (_, index) => matcher.group(index + 1) ?? undefined);
    return Object.assign([matcher.group() ?? '', ...groups], { index: start, input: text }) as RegExpExecArray;
  }
}

/**
 * What zod writes for `z.iso.duration()`. It looks ahead in the middle, and yet takes linear time in the engine of
 * ECMAScript: each step is decided by the next characters, and what is looked for is looked for once.
 */
const zodDuration =
  '^P(?:(\\d+W)|(?!.*W)(?=\\d|T\\d)(\\d+Y)?(\\d+M)?(\\d+D)?(T(?=\\d)(\\d+H)?(\\d+M)?(\\d+([.,]\\d+)?S)?)?)$';
const durations = new RegExp(zodDuration, 'u');

export type Pattern = {
  test(text: string): boolean;
  /** States of its automaton: what one character of a text costs at most. */
  readonly size: number;
};

/** A test of texts by a pattern of a JSON Schema, linear in the text. @throws as {@link LinearRegExp} */
export function compilePattern(source: string, flags = ''): Pattern {
  if (source === zodDuration && flags === '') return { test: (text) => durations.test(text), size: 1 };
  const conditions = flags.includes('m') ? null : splitLookahead(parseRegExp(source));
  return conditions === null ? compileSimple(source, flags) : compileConditions(conditions, flags);
}

function compileConditions(conditions: Conditions, flags: string): Pattern {
  switch (conditions.kind) {
    case 'match':
      return compileSimple(conditions.source, flags);
    case 'not': {
      const part = compileConditions(conditions.part, flags);
      return { test: (text) => !part.test(text), size: part.size };
    }
    case 'all':
    case 'any': {
      const parts = conditions.parts.map((part) => compileConditions(part, flags));
      const size = parts.reduce((total, part) => total + part.size, 0);
      const test = conditions.kind === 'all' ? allOf(parts) : anyOf(parts);
      return { test, size };
    }
    default:
      return assertNever(conditions);
  }
}

function allOf(parts: readonly Pattern[]): Pattern['test'] {
  return (text) => parts.every((part) => part.test(text));
}

function anyOf(parts: readonly Pattern[]): Pattern['test'] {
  return (text) => parts.some((part) => part.test(text));
}

function compileSimple(source: string, flags: string): Pattern {
  const options = { flags, captures: false };
  const counted = readCountedPattern(source);
  const { re2 } = compile(counted?.repeated ?? source, options);
  const size = re2.programSize();
  if (counted === null) return { test: (text) => re2.test(text), size };
  return { test: (text) => hasLength(text, counted) && re2.test(text), size };
}

function hasLength(text: string, { min, max }: CountedPattern): boolean {
  // A code point takes one or two units.
  if (text.length < min || text.length > 2 * max) return false;
  if (text.length <= max && text.length >= 2 * min) return true;
  let length = 0;
  for (let at = 0; at < text.length; at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1) length += 1;
  return length >= min && length <= max;
}

function compile(source: string, options: { readonly flags: string; readonly captures: boolean }): Program {
  const translated = translateRegExp(source, options);
  try {
    const re2 = RE2JS.compile(translated, flagsOf(options.flags));
    return { re2, groups: re2.groupCount() };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : 'no reason';
    throw new UnsupportedRegExp(`cannot be carried out in linear time (${reason})`);
  }
}

function flagsOf(flags: string): number {
  return RE2JS.LOOKBEHINDS | (flags.includes('i') ? RE2JS.CASE_INSENSITIVE : 0);
}
