import type { ZodType } from 'zod';
import { findNearest } from '../collections/nearest-word.ts';
import { isJsonObject } from '../json/json-object.ts';
import { parsePlainly, yamlWords } from '../validation/zod-issues.ts';
import { type ConfigPath, type ConfigProblem, formatPath } from './config-error.ts';
import { type Place, quotePlace, type YamlDocument } from './document.ts';
import type { Range } from './excerpt.ts';
import type { InterpolatedScalar } from './interpolate.ts';

/** What is reported in addition to the words. */
type ReportOptions = {
  readonly hint?: string | undefined;
  /** The key is what is wrong, so that its value is not shown. */
  readonly isKey?: boolean;
  /** Where the mistake is, in another file than the config. */
  readonly within?: { readonly document: YamlDocument; readonly path: ConfigPath; readonly file: string };
};

/** A problem, and what its line and its value are made of once every secret is known. */
type Finding = {
  readonly problem: ConfigProblem;
  readonly document: YamlDocument;
  readonly place: Place | undefined;
  readonly range: Range;
  /** Undefined where no value is to be shown. */
  readonly valuePath: ConfigPath | undefined;
};

const minSecretLength = 6;
/** More lines are more than anyone reads. */
const maxExcerpts = 200;

/** Parses the parts of a config and collects every problem, so that one check shows all of them. */
export class ConfigReader {
  readonly #findings: Finding[] = [];
  readonly #document: YamlDocument;
  readonly #interpolated: ReadonlySet<string>;
  readonly #whole = new Set<string>();
  readonly #failed = new Set<string>();
  readonly #secrets = new Set<string>();

  constructor(document: YamlDocument, scalars: readonly InterpolatedScalar[]) {
    this.#document = document;
    this.#interpolated = new Set(scalars.map(({ path }) => formatPath(path)));
    for (const scalar of scalars) {
      if (scalar.whole) this.#whole.add(formatPath(scalar.path));
      for (const { message, hint } of scalar.problems) this.report(scalar.path, message, { hint });
      if (scalar.problems.length > 0) this.#failed.add(formatPath(scalar.path));
    }
  }

  get problemCount(): number {
    return this.#findings.length;
  }

  /** Every problem in the order of the file, which is the order in which they are fixed. */
  listProblems(): readonly ConfigProblem[] {
    const secrets = [...this.#secrets];
    const inOrder = this.#findings.toSorted(
      ({ problem: a }, { problem: b }) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0),
    );
    return inOrder.map(({ problem, document, place, range, valuePath }, index) => {
      const value = valuePath === undefined ? undefined : quotePlace(place, valuePath, secrets);
      const excerpt = place === undefined || index >= maxExcerpts ? undefined : document.show(range, secrets);
      return { ...problem, ...(value && { value }), ...(excerpt && { excerpt }) };
    });
  }

  /** Texts that no problem may show. */
  hide(secrets: readonly unknown[]): void {
    for (const secret of secrets) {
      if (typeof secret !== 'string' && typeof secret !== 'number') continue;
      // A shorter one would blank ordinary words; what stands under a secret key is hidden whatever it is.
      const text = String(secret);
      if (text.length >= minSecretLength && !/^\$\{?\w+\}?$/.test(text)) this.#secrets.add(text);
    }
  }

  /** Reports a problem of another file, which the value at `path` names. */
  reportFile(path: ConfigPath, problem: ConfigProblem): void {
    const own = { ...problem, path: formatPath(path) };
    this.#findings.push({
      problem: own,
      document: this.#document,
      place: undefined,
      range: [0, 0],
      valuePath: undefined,
    });
  }

  report(path: ConfigPath, message: string, { hint, isKey = false, within }: ReportOptions = {}): void {
    const { document, path: placePath, file } = within ?? { document: this.#document, path, file: undefined };
    const place = document.locate(placePath);
    const isShown = !isKey && (within !== undefined || !this.#interpolated.has(formatPath(path)));
    const problem = {
      path: formatPath(path),
      message,
      ...(hint !== undefined && { hint }),
      ...(file !== undefined && { file, pathInFile: formatPath(placePath) }),
      ...(place !== undefined && { line: place.line, column: place.column }),
    };
    const range = (isKey ? place?.key : place?.whole) ?? [0, 0];
    this.#findings.push({ problem, document, place, range, valuePath: isShown ? placePath : undefined });
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
      const hint = issue.given === undefined ? undefined : findNearest(issue.given, known);
      this.report(place, issue.message + this.#advise(issue.expected, place), { hint, isKey: issue.isUnknownKey });
    }
    return undefined;
  }

  /** What YAML 1.1 takes for a truth value is a text today, and a number in quotes is one everywhere. */
  #advise(expected: string | undefined, path: ConfigPath): string {
    const given: unknown = this.#document.locate(path)?.scalar?.value;
    if (typeof given !== 'string' || this.#interpolated.has(formatPath(path))) return '';
    if (expected === 'boolean') {
      if (/^(?:y|yes|on|true)$/i.test(given)) return '; write true';
      return /^(?:n|no|off|false)$/i.test(given) ? '; write false' : '';
    }
    const isNumber = expected === 'number' || expected === 'int';
    if (isNumber && plainNumber.test(given)) return '; take it out of its quotes';
    // Such as 10s and 1MB.
    return isNumber && /^\d+(\.\d+)? ?[A-Za-z]+$/.test(given)
      ? '; the key names the unit, so write the number alone'
      : '';
  }
}

const plainNumber = /^-?\d+(\.\d+)?$/;

function coerce(text: unknown, expected: string | undefined): unknown {
  if (typeof text !== 'string') return text;
  if (expected === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  if ((expected === 'number' || expected === 'int') && plainNumber.test(text)) return Number(text);
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

/** More names than these are not listed; the adapters that ship are fewer. */
const maxListed = 32;

/** For messages: the names to choose from, unless they are too many to read. */
export function listNames(names: readonly string[]): string {
  return names.length === 0 || names.length > maxListed
    ? ''
    : `; there ${names.length === 1 ? 'is' : 'are'} ${names.join(', ')}`;
}
