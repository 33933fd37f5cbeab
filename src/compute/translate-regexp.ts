import { type AST, RegExpParser } from '@eslint-community/regexpp';
import { assertNever } from '../contract/domain/assert-never.ts';

/** A regular expression that the linear engine cannot carry out; the message says which part and what to write instead. */
export class UnsupportedRegExp extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UnsupportedRegExp';
  }
}

export type TranslationOptions = {
  /** `i`, `m` and `s` count; others do not change what is matched. */
  readonly flags: string;
  /** Whether groups must keep their numbers. Without them, a repetition may be written out. */
  readonly captures: boolean;
};

type Ranges = readonly (readonly [number, number])[];

const lastCodePoint = 0x10ffff;
const digits: Ranges = [[0x30, 0x39]];
const words: Ranges = [[0x30, 0x39], [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]]; // biome-ignore format: one set a line
const spaces: Ranges = [
  ...([[0x9, 0xd], [0x20, 0x20], [0xa0, 0xa0], [0x1680, 0x1680], [0x2000, 0x200a], [0x2028, 0x2029]] as const),
  ...([[0x202f, 0x202f], [0x205f, 0x205f], [0x3000, 0x3000], [0xfeff, 0xfeff]] as const),
]; // biome-ignore format: one set
const lineEnds: Ranges = [[0xa, 0xa], [0xd, 0xd], [0x2028, 0x2029]]; // biome-ignore format: one set a line

/** RE2 refuses a count above it, also where counts multiply. */
const maxCount = 1000;
/** Copies of one part that a larger count is written out as. */
const maxCopies = 10_000;
const maxLength = 200_000;

const parser = new RegExpParser({ ecmaVersion: 2025, strict: false });

/**
 * The same regular expression in the syntax of RE2, where the classes of ECMAScript (`\s`, `.`, `[^]`, `\d`) keep their
 * meaning. It is read as with the flag `u`, and where that refuses it, as without, which takes `^[\w-.]+$`. Text is
 * matched by code points in both cases. In multiline mode only U+000A ends a line.
 *
 * @throws UnsupportedRegExp for what RE2 does not have; SyntaxError for what is no regular expression
 */
export function translateRegExp(source: string, options: TranslationOptions): string {
  const text = new Translation(options).alternatives(parseRegExp(source).alternatives);
  if (text.length > maxLength)
    throw new UnsupportedRegExp('repeats too much; use maxLength or maxItems for long counts');
  return text;
}

/** A pattern that is one kind of character a counted number of times, from end to end of a text. */
export type CountedPattern = { readonly repeated: string; readonly min: number; readonly max: number };

/**
 * Reads a pattern such as `^[a-z]{1,2048}$`, whose automaton has a state for each count, as what it says: texts of the
 * repeated part, of so many code points. Null for every other.
 */
export function readCountedPattern(source: string): CountedPattern | null {
  const [alternative, ...others] = parseRegExp(source).alternatives;
  const [start, counted, end, ...more] = alternative?.elements ?? [];
  if (others.length + more.length > 0 || counted?.type !== 'Quantifier' || counted.max <= 1) return null;
  const isWhole =
    start?.type === 'Assertion' && start.kind === 'start' && end?.type === 'Assertion' && end.kind === 'end';
  const { element, min, max } = counted;
  const isOne = element.type === 'CharacterClass' || element.type === 'CharacterSet' || element.type === 'Character';
  return isWhole && isOne ? { repeated: `^${element.raw}*$`, min, max } : null;
}

/** @throws SyntaxError for what is no regular expression */
export function parseRegExp(source: string): AST.Pattern {
  try {
    return parser.parsePattern(source, 0, source.length, { unicode: true });
  } catch {
    return parser.parsePattern(source, 0, source.length, { unicode: false });
  }
}

class Translation {
  readonly #options: TranslationOptions;

  constructor(options: TranslationOptions) {
    this.#options = options;
  }

  alternatives(alternatives: readonly AST.Alternative[]): string {
    return alternatives.map(({ elements }) => this.#sequence(elements)).join('|');
  }

  #sequence(elements: readonly AST.Element[]): string {
    let text = '';
    for (const [index, element] of elements.entries()) {
      const low = elements[index + 1];
      const isPair = element.type === 'Character' && low?.type === 'Character' && isPairOf(element.value, low.value);
      if (isPair) continue;
      const high = elements[index - 1];
      const joined =
        element.type === 'Character' && high?.type === 'Character' && isPairOf(high.value, element.value)
          ? joinPair(high.value, element.value)
          : null;
      text += joined === null ? this.#element(element) : escapePoint(joined);
    }
    return text;
  }

  #element(element: AST.Element | AST.QuantifiableElement): string {
    switch (element.type) {
      case 'Character':
        return escapePoint(element.value);
      case 'CharacterSet':
        return this.#set(element);
      case 'CharacterClass':
        return classOf(element);
      case 'Group':
        return this.#group(element);
      case 'CapturingGroup':
        return `(${this.#options.captures ? '' : '?:'}${this.alternatives(element.alternatives)})`;
      case 'Quantifier':
        return this.#quantifier(element);
      case 'Assertion':
        return this.#assertion(element);
      case 'Backreference':
        throw new UnsupportedRegExp(
          `refers back to a group (${element.raw}), which no engine does in linear time; write the group out again`,
        );
      case 'ExpressionCharacterClass':
        throw new UnsupportedRegExp(`uses set notation (${element.raw}); write the set out`);
      default:
        return assertNever(element);
    }
  }

  #set(element: AST.CharacterSet): string {
    if (element.kind !== 'any') return `[${setOf(element)}]`;
    return this.#options.flags.includes('s') ? '(?s:.)' : `[${rangesText(complement(lineEnds))}]`;
  }

  #group({ alternatives, modifiers }: AST.Group): string {
    if (modifiers === null) return `(?:${this.alternatives(alternatives)})`;
    throw new UnsupportedRegExp(`changes flags in the middle (${modifiers.raw}); write both cases out`);
  }

  #quantifier({ element, min, max, greedy }: AST.Quantifier): string {
    const part = this.#element(element);
    const lazy = greedy ? '' : '?';
    const largest = Number.isFinite(max) ? max : min;
    if (largest * countIn(element) <= maxCount) return `(?:${part})${countText(min, max)}${lazy}`;
    if (largest * part.length > maxLength || largest > maxCopies) {
      throw new UnsupportedRegExp(`repeats a part up to ${largest} times; use minLength and maxLength for long counts`);
    }
    if (part.includes('(') && this.#options.captures && hasGroup(element)) {
      throw new UnsupportedRegExp(`repeats a group up to ${largest} times; use (?:…), or a smaller count`);
    }
    const rest = Number.isFinite(max) ? `(?:${part})?${lazy}`.repeat(max - min) : `(?:${part})*${lazy}`;
    return `(?:${part})`.repeat(min) + rest;
  }

  #assertion(element: AST.Assertion): string {
    const isMultiline = this.#options.flags.includes('m');
    switch (element.kind) {
      case 'start':
        return isMultiline ? '(?m:^)' : '\\A';
      case 'end':
        return isMultiline ? '(?m:$)' : '\\z';
      case 'word':
        return element.negate ? '\\B' : '\\b';
      case 'lookbehind': {
        const inner = new Translation({ ...this.#options, captures: false }).alternatives(element.alternatives);
        return `(?<${element.negate ? '!' : '='}${inner})`;
      }
      case 'lookahead':
        throw new UnsupportedRegExp(
          `looks ahead (${element.raw}), which no engine does in linear time; write several patterns under "allOf"` +
            `${element.negate ? ' and "not"' : ''}, or several calls joined by "and"; a pattern of a schema may look ahead ` +
            'at its beginning, behind ^',
        );
      default:
        return assertNever(element);
    }
  }
}

function classOf({ elements, negate }: AST.CharacterClass): string {
  let text = '';
  for (const [index, element] of elements.entries()) {
    const [before, after] = [elements[index - 1], elements[index + 1]];
    switch (element.type) {
      case 'Character': {
        if (after?.type === 'Character' && isPairOf(element.value, after.value)) break;
        const isLow = before?.type === 'Character' && isPairOf(before.value, element.value);
        text += pointText(isLow ? joinPair(before.value, element.value) : element.value);
        break;
      }
      case 'CharacterClassRange':
        text += `${pointText(element.min.value)}-${pointText(element.max.value)}`;
        break;
      case 'CharacterSet':
        text += setOf(element);
        break;
      default:
        throw new UnsupportedRegExp(`uses set notation (${element.raw}); write the set out`);
    }
  }
  const all = rangesText([[0, lastCodePoint]]);
  if (text === '') return negate ? `[${all}]` : `[^${all}]`;
  return `[${negate ? '^' : ''}${text}]`;
}

/** A set as it stands inside brackets. */
function setOf(set: Exclude<AST.CharacterSet, AST.AnyCharacterSet>): string {
  switch (set.kind) {
    case 'digit':
      return rangesText(set.negate ? complement(digits) : digits);
    case 'space':
      return rangesText(set.negate ? complement(spaces) : spaces);
    case 'word':
      return rangesText(set.negate ? complement(words) : words);
    case 'property':
      return propertyText(set);
    default:
      return assertNever(set);
  }
}

function propertyText({ key, value, negate, raw }: AST.UnicodePropertyCharacterSet): string {
  const name = value ?? key;
  if (value === null && name === 'Any') return rangesText(negate ? [] : [[0, lastCodePoint]]);
  if (value === null && name === 'ASCII') return rangesText(negate ? complement([[0, 0x7f]]) : [[0, 0x7f]]);
  // General categories have one or two letters in RE2; scripts stand by their names.
  const short = categories[name] ?? name;
  const isCategory = value === null || key === 'General_Category' || key === 'gc';
  // Such as \p{Emoji}: what it means is written out.
  if (isCategory && !/^\p{Lu}\p{Ll}?$/u.test(short)) return rangesText(rangesOf(raw));
  return `\\${negate ? 'P' : 'p'}{${short}}`;
}

const known = new Map<string, Ranges>();

/** The code points that have a property of Unicode, as ECMAScript knows it. */
function rangesOf(raw: string): Ranges {
  const ranges = known.get(raw) ?? findRanges(new RegExp(raw, 'u'));
  known.set(raw, ranges);
  return ranges;
}

function findRanges(property: RegExp): Ranges {
  const ranges: [number, number][] = [];
  let from: number | null = null;
  for (let point = 0; point <= lastCodePoint + 1; point += 1) {
    const isIn = point <= lastCodePoint && property.test(String.fromCodePoint(point));
    if (isIn) from ??= point;
    else if (from !== null) {
      ranges.push([from, point - 1]);
      from = null;
    }
  }
  return ranges;
}

const categories: Readonly<Record<string, string>> = {
  ...{ Letter: 'L', Mark: 'M', Number: 'N', Punctuation: 'P', punct: 'P', Symbol: 'S', Separator: 'Z', Other: 'C' },
  ...{ Uppercase_Letter: 'Lu', Lowercase_Letter: 'Ll', Titlecase_Letter: 'Lt', Modifier_Letter: 'Lm' },
  ...{ Other_Letter: 'Lo', Decimal_Number: 'Nd', digit: 'Nd', Letter_Number: 'Nl', Other_Number: 'No' },
  ...{ Space_Separator: 'Zs', Control: 'Cc', cntrl: 'Cc', Currency_Symbol: 'Sc', Math_Symbol: 'Sm' },
  ...{ Dash_Punctuation: 'Pd', Connector_Punctuation: 'Pc', Nonspacing_Mark: 'Mn', Combining_Mark: 'M' },
};

/** The largest product of counts inside a part: RE2 looks at it. */
function countIn(element: AST.Element | AST.QuantifiableElement): number {
  switch (element.type) {
    case 'Quantifier': {
      const largest = Number.isFinite(element.max) ? element.max : element.min;
      return Math.max(1, largest) * countIn(element.element);
    }
    case 'Group':
    case 'CapturingGroup':
      return Math.max(1, ...element.alternatives.flatMap(({ elements }) => elements.map(countIn)));
    default:
      return 1;
  }
}

function hasGroup(element: AST.Element | AST.QuantifiableElement): boolean {
  if (element.type === 'CapturingGroup') return true;
  if (element.type === 'Quantifier') return hasGroup(element.element);
  return element.type === 'Group' && element.alternatives.some(({ elements }) => elements.some(hasGroup));
}

function countText(min: number, max: number): string {
  if (min === 0 && max === 1) return '?';
  if (!Number.isFinite(max)) return min === 0 ? '*' : min === 1 ? '+' : `{${min},}`;
  return min === max ? `{${min}}` : `{${min},${max}}`;
}

function complement(ranges: Ranges): Ranges {
  const gaps: [number, number][] = [];
  let next = 0;
  for (const [from, to] of ranges) {
    if (from > next) gaps.push([next, from - 1]);
    next = to + 1;
  }
  if (next <= lastCodePoint) gaps.push([next, lastCodePoint]);
  return gaps;
}

function rangesText(ranges: Ranges): string {
  return ranges.map(([from, to]) => `${pointText(from)}-${pointText(to)}`).join('');
}

function pointText(point: number): string {
  return `\\x{${point.toString(16)}}`;
}

/** Letters and digits stand for themselves, which lets the engine search for literal text. */
function escapePoint(point: number): string {
  const isPlain =
    (point >= 0x30 && point <= 0x39) || (point >= 0x41 && point <= 0x5a) || (point >= 0x61 && point <= 0x7a);
  return isPlain ? String.fromCharCode(point) : pointText(point);
}

function isPairOf(high: number, low: number): boolean {
  return high >= 0xd800 && high <= 0xdbff && low >= 0xdc00 && low <= 0xdfff;
}

function joinPair(high: number, low: number): number {
  return (high - 0xd800) * 0x400 + (low - 0xdc00) + 0x10000;
}
