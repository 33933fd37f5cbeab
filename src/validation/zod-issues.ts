import { z } from 'zod';
import { isExactNumber } from '../json/exact-number.ts';

/** A zod issue in plain words. It quotes keys, never values: a value may be a secret. */
type PlainIssue = {
  readonly path: readonly (string | number)[];
  readonly message: string;
  /** The keys or values that the schema knows at this place. */
  readonly known: readonly string[];
  /** The key or value that is not one of `known`. */
  readonly given: string | undefined;
  /** Whether `given` is a key that the schema does not have. */
  readonly isUnknownKey: boolean;
  /** The expected type, where the type is wrong. */
  readonly expected: string | undefined;
};

export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly issues: readonly PlainIssue[] };

/** What authors of a format call its kinds of values. */
export type Vocabulary = {
  readonly object: string;
  readonly array: string;
  readonly null: string;
  readonly member: string;
  /** Advice where a text was meant and another type was read. */
  readonly textHint: string;
};

export const yamlWords: Vocabulary = {
  object: 'a mapping',
  array: 'a list',
  null: 'empty',
  member: 'key',
  textHint: '; put it in quotes',
};

export const jsonWords: Vocabulary = {
  object: 'an object',
  array: 'an array',
  null: 'null',
  member: 'member',
  textHint: '',
};

const knownKeysMark = 'known keys: ';

/** Parses a value by a zod schema. A failure has every issue, and one at its own path for each unknown key. */
export function parsePlainly<T>(schema: z.ZodType<T>, value: unknown, words: Vocabulary): Parsed<T> {
  const error = (issue: z.core.$ZodRawIssue) => sayIssue(issue, words);
  // Zod compiles a schema for its first value, which pays off for requests. A config is read once.
  const result = schema.safeParse(value, { error, reportInput: true, jitless: words === yamlWords });
  if (result.success) return { ok: true, value: result.data };
  return { ok: false, issues: result.error.issues.flatMap((issue) => flatten(issue, words)) };
}

/** Only the raw issue knows its schema and with it the known keys; the message carries them to {@link flatten}. */
function sayIssue(issue: z.core.$ZodRawIssue, words: Vocabulary): string | undefined {
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.inst instanceof z.ZodObject
        ? `${knownKeysMark}${JSON.stringify(Object.keys(issue.inst.shape))}`
        : undefined;
    case 'invalid_type':
      return sayType(issue.expected, issue.input, words);
    case 'invalid_value':
      return issue.input === undefined ? 'is required' : `must be ${issue.values.map(String).join(' or ')}`;
    case 'too_small':
      if (issue.origin === 'string') return sayShort(Number(issue.minimum), 'characters');
      if (issue.origin === 'array') return sayShort(Number(issue.minimum), 'items');
      return `must be ${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}`;
    case 'too_big':
      if (issue.origin === 'string') return `must have at most ${issue.maximum} characters`;
      if (issue.origin === 'array') return `must have at most ${issue.maximum} items`;
      return `must be ${issue.inclusive === false ? 'less than' : 'at most'} ${issue.maximum}`;
    case 'invalid_format':
      return issue.format === 'regex' ? `must match ${issue.pattern}` : `must be a valid ${issue.format}`;
    case 'invalid_key':
      return issue.issues[0]?.message;
    case 'custom':
      return 'is not valid';
    default:
      return undefined;
  }
}

function flatten(issue: z.core.$ZodIssue, words: Vocabulary): readonly PlainIssue[] {
  const path = issue.path.map((part) => (typeof part === 'number' ? part : String(part)));
  const nothing = { known: [], given: undefined, isUnknownKey: false, expected: undefined };
  const plain: PlainIssue = { path, message: issue.message, ...nothing };
  if (issue.code === 'unrecognized_keys') {
    const known = readKnownKeys(issue.message);
    return issue.keys.map((key) => ({
      ...plain,
      path: [...path, key],
      message: `is not a known ${words.member}`,
      known,
      given: key,
      isUnknownKey: true,
    }));
  }
  if (issue.code === 'invalid_value' && typeof issue.input === 'string') {
    return [{ ...plain, known: issue.values.map(String), given: issue.input }];
  }
  if (issue.code === 'invalid_type') return [{ ...plain, expected: issue.expected }];
  if (issue.code === 'invalid_union') return flattenUnion(issue.errors, path, plain, words);
  return [plain];
}

/** What is said of a value that is not the empty text. */
const mustBeEmpty = 'must be ';

/** Reports the issues of the branch of a union that the value comes nearest to. */
function flattenUnion(
  branches: readonly (readonly z.core.$ZodIssue[])[],
  path: readonly (string | number)[],
  plain: PlainIssue,
  words: Vocabulary,
): readonly PlainIssue[] {
  // That an empty text would do as well, which leaves an optional key out, helps no reader.
  const flat = branches
    .map((branch) => branch.flatMap((issue) => flatten(issue, words)))
    .filter((issues) => !issues.every(({ message }) => message === mustBeEmpty));
  const nearest = flat
    .filter(
      (issues) => issues.length > 0 && !issues.some((issue) => issue.expected !== undefined && issue.path.length === 0),
    )
    .sort((a, b) => a.length - b.length)[0];
  if (nearest !== undefined) return nearest.map((issue) => ({ ...issue, path: [...path, ...issue.path] }));
  const messages = joinTypes([...new Set(flat.flat().map((issue) => issue.message))]);
  return [{ ...plain, message: messages.length === 0 ? plain.message : messages.join(', or ') }];
}

const typeMessage = /^must be (.+), is ([^;]+)/;

/** What every branch says of the type alone, in one sentence. */
function joinTypes(messages: readonly string[]): readonly string[] {
  const types = messages.map((message) => typeMessage.exec(message));
  const [, , kind] = types[0] ?? [];
  if (kind === undefined || types.length < 2 || types.some((type) => type?.[2] !== kind)) return messages;
  // No branch takes it, whatever its type.
  if (kind.startsWith('not ')) return [`is ${kind}`];
  return [`must be ${types.map((type) => type?.[1]).join(' or ')}, is ${kind}`];
}

function readKnownKeys(message: string): readonly string[] {
  if (!message.startsWith(knownKeysMark)) return [];
  return z.array(z.string()).parse(JSON.parse(message.slice(knownKeysMark.length)));
}

function sayType(expected: string, input: unknown, words: Vocabulary): string {
  if (input === undefined) return 'is required';
  const wanted = sayKind(expected, words);
  if (expected === 'int' && typeof input === 'number') return `must be ${wanted}`;
  const isQuotable = expected === 'string' && (typeof input === 'number' || typeof input === 'boolean');
  return `must be ${wanted}, is ${sayKindOf(input, words)}${isQuotable ? words.textHint : ''}`;
}

function sayKind(expected: string, words: Vocabulary): string {
  switch (expected) {
    case 'string':
    case 'number':
      return `a ${expected}`;
    case 'int':
      return 'a whole number';
    case 'boolean':
      return 'true or false';
    case 'object':
    case 'record':
      return words.object;
    case 'array':
      return words.array;
    default:
      return expected;
  }
}

function sayKindOf(input: unknown, words: Vocabulary): string {
  if (input === null) return words.null;
  if (Array.isArray(input)) return words.array;
  if (typeof input === 'number') return Number.isFinite(input) ? 'a number' : 'not a finite number';
  if (isExactNumber(input)) return 'a number that a double cannot hold';
  return typeof input === 'object' ? words.object : `a ${typeof input}`;
}

function sayShort(minimum: number, unit: 'characters' | 'items'): string {
  return minimum === 1 ? 'must not be empty' : `must have at least ${minimum} ${unit}`;
}
