import {
  type Document,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit,
  type YAMLError,
} from 'yaml';
import { isExactNumber, readJson } from '../json/exact-number.ts';
import type { ConfigPath, ConfigProblem } from './config-error.ts';
import { type Excerpt, isSecretKey, quoteValue, type Range, showLine } from './excerpt.ts';
import { YamlValues } from './yaml-values.ts';

/** Where a value is written: its key and the value itself, or the nearest value around a missing one. */
export type Place = {
  readonly line: number;
  readonly column: number;
  readonly key: Range;
  /** The same as `key` where the value does not stand on its line. */
  readonly whole: Range;
  /** The scalar there; undefined for lists and mappings, and for what is missing. */
  readonly scalar: { readonly value: unknown; readonly source: string } | undefined;
};

/** A parsed YAML text. `locate` finds the place of a value, or of the nearest value around it. */
export type YamlDocument = {
  readonly value: unknown;
  readonly problems: readonly ConfigProblem[];
  locate(path: ConfigPath): Place | undefined;
  /** The line in which a range begins, without its secrets. */
  show(range: Range, secrets: readonly string[]): Excerpt;
};

type Found = { readonly range: Range; readonly message: string; readonly hint?: string | undefined };

/**
 * Reads one YAML 1.2 document, with merge keys. Syntax errors, duplicate keys, unknown tags, and aliases that refer to
 * themselves, to nothing or to too much are problems with line and column.
 */
export function readDocument(text: string): YamlDocument {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    stringKeys: true,
    // The parser compares each key with all before it; what builds the values does not.
    uniqueKeys: false,
  });
  const values = new YamlValues();
  const value = values.build(document.contents);
  // One syntax error makes the parser report many that follow from it, so only the first of them is kept.
  const [first] = [...document.errors, ...document.warnings];
  const mistakes = values.mistakes
    .filter(({ isDuplicate }) => isDuplicate || first === undefined)
    .sort((a, b) => a.offset - b.offset);
  const found: readonly Found[] = [
    ...(first === undefined ? [] : [{ range: first.pos, message: invalid(sayError(first, text)) }]),
    ...mistakes.map(({ offset, end, message, hint }) => ({
      range: [offset, end] as const,
      message: invalid(message),
      hint,
    })),
    ...findOtherVersion(document, text),
    ...findChangedNumbers(document),
  ];

  let hidden: readonly Range[] | undefined;
  function showRange(range: Range, secrets: readonly string[], isGuessed: boolean): Excerpt {
    hidden ??= findSecrets(document, values);
    return showLine(text, range, { hidden, secrets, isGuessed });
  }

  function locate(path: ConfigPath): Place | undefined {
    const spot = findSpot(document.contents, path, values);
    if (spot === undefined) return undefined;
    const { line, col } = lines.linePos(spot.key[0]);
    return { ...spot, line, column: col };
  }

  const problems = found.map(({ range, message, hint }) => {
    const { line, col } = lines.linePos(range[0]);
    return { path: '', message, ...(hint && { hint }), line, column: col, excerpt: showRange(range, [], true) };
  });
  const show: YamlDocument['show'] = (range, secrets) => showRange(range, secrets, false);
  return { value: problems.length > 0 ? undefined : value, problems, locate, show };
}

/** Words of the value for a message; undefined where there is none to show. */
export function quotePlace(place: Place | undefined, path: ConfigPath, secrets: readonly string[]): string | undefined {
  if (place?.scalar === undefined || path.some((part) => isSecretKey(String(part)))) return undefined;
  return quoteValue(place.scalar.value, place.scalar.source, secrets);
}

function invalid(message: string): string {
  return `is not valid YAML: ${message}`;
}

const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
/** Ten to some readers, and eight to others. */
const octalLooking = /^[-+]?0\d/;

/** Numbers that come out of the config with another value, or that readers of YAML do not agree on. */
function findChangedNumbers(document: Document): readonly Found[] {
  const found: Found[] = [];
  visit(document, {
    Scalar(_key, { value, source, range }, above) {
      if (typeof value !== 'number' || source === undefined) return;
      const isChanged = jsonNumber.test(source) && isExactNumber(readJson(source));
      if (!isChanged && !octalLooking.test(source)) return;
      const isSecret = above.some((node) => isPair(node) && isScalar(node.key) && isSecretKey(String(node.key.value)));
      const why = isChanged ? 'which is not kept exactly' : `which is ${value} here and octal to other readers`;
      const message = isSecret ? 'has a number where a secret is' : `has the number ${source}, ${why}`;
      found.push({ range: rangeOf(range), message: `${message}; in quotes it is a text` });
    },
  });
  return found;
}

/** In YAML 1.1, `yes` is true and 010 is eight. */
function findOtherVersion(document: Document, text: string): readonly Found[] {
  const { explicit, version } = document.directives?.yaml ?? {};
  if (explicit !== true || version === '1.2') return [];
  const start = Math.max(0, text.indexOf('%YAML'));
  return [{ range: [start, start + '%YAML 1.1'.length], message: `is YAML ${version}; write it as YAML 1.2` }];
}

/** What stands under a secret key, also where it is written elsewhere and referred to. */
function findSecrets(document: Document, values: YamlValues): readonly Range[] {
  const found: Range[] = [];
  const isSecret = new Map<string, boolean>();
  visit(document, {
    Pair(_key, { key, value }) {
      const name = isScalar(key) ? String(key.value) : '';
      const verdict = isSecret.get(name) ?? isSecretKey(name);
      isSecret.set(name, verdict);
      const node = verdict ? values.follow(value) : undefined;
      if (isMap(node) || isSeq(node) || (isScalar(node) && !isOpen(node.value))) found.push(rangeOf(node.range));
    },
  });
  return found.toSorted(([a], [b]) => a - b);
}

/** Nothing, or the name of a variable. */
function isOpen(value: unknown): boolean {
  return value === null || (typeof value === 'string' && /^(?:\$\{\w*\}|\$\w+)?$/.test(value));
}

function sayError({ code, message, pos: [start] }: YAMLError, text: string): string {
  if (message.startsWith('Maximum call stack')) return 'it is nested too deep';
  if (text.slice(start - 1, start + 1) === '${') return 'inside braces or brackets a placeholder needs quotes';
  switch (code) {
    case 'MULTIPLE_DOCS':
      return 'a second document begins here; put it into a file of its own';
    case 'TAB_AS_INDENT':
      return 'a tab is no indentation; use spaces';
    case 'BLOCK_AS_IMPLICIT_KEY':
      return 'no key can stand here; the keys of a mapping have one indentation, and a text that holds ": " needs quotes';
    case 'MULTILINE_IMPLICIT_KEY':
      return 'a key is on one line, with a colon and a space behind it';
    case 'BAD_SCALAR_START':
      return `a text that begins with ${text[start]} needs quotes`;
    case 'TAG_RESOLVE_FAILED':
      return 'a tag, which begins with "!", means nothing here';
    default:
      // The parser quotes the text after the colon, and the text may be a secret.
      return message.replace(/: ".*$/s, '');
  }
}

type Spot = Pick<Place, 'key' | 'whole' | 'scalar'>;

function findSpot(root: Node | null, path: ConfigPath, values: YamlValues): Spot | undefined {
  let node: unknown = root;
  let spot: Spot | undefined = root === null ? undefined : spotOf(beginning(root) ?? [0, 0], values.follow(root));
  for (const part of path) {
    const step = stepInto(values.follow(node), part, values);
    // What is missing has no value, and its place is that of the value around it.
    if (step === undefined) return spot && { key: spot.key, whole: spot.key, scalar: undefined };
    const value = values.follow(step.node);
    spot = spotOf(step.key ?? spot?.key ?? [0, 0], value);
    node = step.node;
  }
  return spot;
}

function spotOf(key: Range, value: unknown): Spot {
  if (!isScalar(value)) return { key, whole: key, scalar: undefined };
  const [start, end] = rangeOf(value.range);
  const scalar = { value: value.value, source: value.source ?? '' };
  // An alias stands before its anchor, or far behind it.
  return { key, whole: start >= key[0] ? [key[0], end] : key, scalar };
}

/** The position of a value in a mapping is that of its key, where readers look first. */
function stepInto(
  node: unknown,
  part: string | number,
  values: YamlValues,
): { key: Range | undefined; node: unknown } | undefined {
  if (isMap(node)) {
    const pair = values.findMember(node, part);
    if (pair === undefined) return undefined;
    return { key: isScalar(pair.key) ? rangeOf(pair.key.range) : undefined, node: pair.value };
  }
  if (isSeq(node) && typeof part === 'number') {
    const item = node.items[part];
    return item === undefined ? undefined : { key: beginning(values.follow(item)), node: item };
  }
  return undefined;
}

/** Of a mapping or a list its first character alone: it may go on over many lines. */
function beginning(node: unknown): Range | undefined {
  if (isScalar(node)) return rangeOf(node.range);
  if (!isMap(node) && !isSeq(node)) return undefined;
  const [start] = rangeOf(node.range);
  return [start, start + 1];
}

function rangeOf(range: readonly number[] | null | undefined): Range {
  const [start = 0, end = start] = range ?? [];
  return [start, end];
}
