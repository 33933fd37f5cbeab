import type { ZodType } from 'zod';
import { findNearest } from '../collections/nearest-word.ts';
import { isJsonObject } from '../json/json-object.ts';
import { parsePlainly, yamlWords } from '../validation/zod-issues.ts';
import { type ConfigPath, type ConfigProblem, formatPath } from './config-error.ts';
import type { Position } from './document.ts';
import type { InterpolatedScalar } from './interpolate.ts';

/** Parses the parts of a config and collects every problem, so that one check shows all of them. */
export class ConfigReader {
  readonly #problems: ConfigProblem[] = [];
  readonly #locate: (path: ConfigPath) => Position | undefined;
  readonly #whole = new Set<string>();
  readonly #failed = new Set<string>();

  constructor(locate: (path: ConfigPath) => Position | undefined, scalars: readonly InterpolatedScalar[]) {
    this.#locate = locate;
    for (const scalar of scalars) {
      if (scalar.whole) this.#whole.add(formatPath(scalar.path));
      for (const message of scalar.problems) this.report(scalar.path, message);
      if (scalar.problems.length > 0) this.#failed.add(formatPath(scalar.path));
    }
  }

  get problems(): readonly ConfigProblem[] {
    return this.#problems;
  }

  report(path: ConfigPath, message: string, hint?: string): void {
    this.#problems.push({
      path: formatPath(path),
      message,
      ...(hint === undefined ? {} : { hint }),
      ...this.#locate(path),
    });
  }

  /** Whether the value is what a failed `${…}` left behind; that problem is reported already. */
  hasFailed(path: ConfigPath): boolean {
    return this.#failed.has(formatPath(path));
  }

  /**
   * The parsed value, or undefined when it was refused and its problems reported. A scalar that is one whole `${…}`
   * becomes a number or a boolean where the schema wants one, and a key under `x-` that the schema does not know is left
   * out. `alsoKnown` are further keys for the hint.
   */
  parse<T>(schema: ZodType<T>, value: unknown, path: ConfigPath, alsoKnown: readonly string[] = []): T | undefined {
    let current = value;
    let parsed = parsePlainly(schema, current, yamlWords);
    if (parsed.ok) return parsed.value;
    for (const { path: place, isUnknownKey, given = '' } of parsed.issues) {
      if (isUnknownKey && isExtension(given)) current = leaveOut(current, place);
    }
    if (current !== value) parsed = parsePlainly(schema, current, yamlWords);
    if (parsed.ok) return parsed.value;
    for (const issue of parsed.issues) {
      if (issue.expected === undefined || !this.#whole.has(formatPath([...path, ...issue.path]))) continue;
      current = replaceAt(current, issue.path, (text) => coerce(text, issue.expected));
    }
    parsed = parsePlainly(schema, current, yamlWords);
    if (parsed.ok) return parsed.value;
    for (const issue of parsed.issues) {
      const place = [...path, ...issue.path];
      if (this.hasFailed(place)) continue;
      const known = [...issue.known, ...(issue.path.length === 1 ? alsoKnown : [])];
      this.report(place, issue.message, issue.given === undefined ? undefined : findNearest(issue.given, known));
    }
    return undefined;
  }
}

function coerce(text: unknown, expected: string | undefined): unknown {
  if (typeof text !== 'string') return text;
  if (expected === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  if ((expected === 'number' || expected === 'int') && /^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  return text;
}

/** The value without the member at `path`. */
function leaveOut(value: unknown, path: ConfigPath): unknown {
  const name = path.at(-1);
  return replaceAt(value, path.slice(0, -1), (holder) =>
    isJsonObject(holder) ? Object.fromEntries(Object.entries(holder).filter(([key]) => key !== name)) : holder,
  );
}

function replaceAt(value: unknown, path: ConfigPath, change: (value: unknown) => unknown): unknown {
  const [part, ...rest] = path;
  if (part === undefined) return change(value);
  if (Array.isArray(value)) return value.map((item, index) => (index === part ? replaceAt(item, rest, change) : item));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, key === part ? replaceAt(member, rest, change) : member]),
  );
}

/** Whether a key holds what the author of a config keeps for himself, such as parts that are merged elsewhere. */
export function isExtension(key: string): boolean {
  return key.startsWith('x-');
}

/** For messages: the names to choose from, unless they are too many to read. */
export function listNames(names: readonly string[]): string {
  return names.length === 0 || names.length > 12
    ? ''
    : `; there ${names.length === 1 ? 'is' : 'are'} ${names.join(', ')}`;
}
