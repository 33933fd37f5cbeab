import { z } from 'zod';

/** A zod issue in plain words that never quote a value, only keys: a value may be a secret. */
type PlainIssue = {
  readonly path: readonly (string | number)[];
  readonly message: string;
  /** What is known at this place: keys or values. */
  readonly known: readonly string[];
  /** What was given instead of one of `known`. */
  readonly given: string | undefined;
  /** The type that was wanted, where the type is wrong. */
  readonly expected: string | undefined;
};

export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly issues: readonly PlainIssue[] };

const knownKeysMark = 'known keys: ';

/** Parses a value by a zod schema; on failure gives every issue, an unknown key as one issue at its own path. */
export function parsePlainly<T>(schema: z.ZodType<T>, value: unknown): Parsed<T> {
  const result = schema.safeParse(value, { error: sayIssue, reportInput: true });
  if (result.success) return { ok: true, value: result.data };
  return { ok: false, issues: result.error.issues.flatMap(flatten) };
}

/** Only the raw issue knows its schema and, so, the keys that it takes; they travel to {@link flatten} in the message. */
function sayIssue(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.inst instanceof z.ZodObject
        ? `${knownKeysMark}${JSON.stringify(Object.keys(issue.inst.shape))}`
        : undefined;
    case 'invalid_type':
      return sayType(issue.expected, issue.input);
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

function flatten(issue: z.core.$ZodIssue): readonly PlainIssue[] {
  const path = issue.path.map((part) => (typeof part === 'number' ? part : String(part)));
  const plain: PlainIssue = { path, message: issue.message, known: [], given: undefined, expected: undefined };
  if (issue.code === 'unrecognized_keys') {
    const known = readKnownKeys(issue.message);
    return issue.keys.map((key) => ({
      ...plain,
      path: [...path, key],
      message: 'is not a known key',
      known,
      given: key,
    }));
  }
  if (issue.code === 'invalid_value' && typeof issue.input === 'string') {
    return [{ ...plain, known: issue.values.map(String), given: issue.input }];
  }
  if (issue.code === 'invalid_type') return [{ ...plain, expected: issue.expected }];
  if (issue.code === 'invalid_union') return flattenUnion(issue.errors, path, plain);
  return [plain];
}

/** Of a union's branches, the one that the value comes nearest to is the one that was meant. */
function flattenUnion(
  branches: readonly (readonly z.core.$ZodIssue[])[],
  path: readonly (string | number)[],
  plain: PlainIssue,
): readonly PlainIssue[] {
  const flat = branches.map((branch) => branch.flatMap(flatten));
  const nearest = flat
    .filter(
      (issues) => issues.length > 0 && !issues.some((issue) => issue.expected !== undefined && issue.path.length === 0),
    )
    .sort((a, b) => a.length - b.length)[0];
  if (nearest !== undefined) return nearest.map((issue) => ({ ...issue, path: [...path, ...issue.path] }));
  const messages = [...new Set(flat.flat().map((issue) => issue.message))];
  return [{ ...plain, message: messages.length === 0 ? plain.message : messages.join(', or ') }];
}

function readKnownKeys(message: string): readonly string[] {
  if (!message.startsWith(knownKeysMark)) return [];
  return z.array(z.string()).parse(JSON.parse(message.slice(knownKeysMark.length)));
}

const typeWords: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
};

function sayType(expected: string, input: unknown): string {
  if (input === undefined) return 'is required';
  const wanted = typeWords[expected] ?? expected;
  if (input === null) return `must be ${wanted}, is empty`;
  const isQuotable = expected === 'string' && (typeof input === 'number' || typeof input === 'boolean');
  return `must be ${wanted}, is ${sayTypeOf(input)}${isQuotable ? '; put it in quotes' : ''}`;
}

function sayTypeOf(input: unknown): string {
  if (Array.isArray(input)) return 'a list';
  if (typeof input === 'number') return Number.isFinite(input) ? 'a number' : 'not a finite number';
  if (typeof input === 'boolean') return 'a boolean';
  return typeof input === 'object' ? 'a mapping' : `a ${typeof input}`;
}

function sayShort(minimum: number, unit: 'characters' | 'items'): string {
  return minimum === 1 ? 'must not be empty' : `must have at least ${minimum} ${unit}`;
}
