import type { ZodError } from 'zod';
import { findNearest } from '../collections/nearest-word.ts';
import type { CompiledExpression as Expression } from '../contract/adapter/expressions.ts';
import type { JsonObject } from '../contract/domain/json.ts';
import type { AmendedMapping, Mapping } from '../contract/domain/mapping.ts';
import { isJsonObject } from '../json/json-object.ts';
import { type CompiledCase, CompiledMapping, type MappingDeps } from './compiled-mapping.ts';
import { compileExpression } from './evaluate.ts';
import { type Budgets, defaultBudgets } from './evaluation.ts';
import { type ExpressionKey, expressionKeys, type MappingDocument, mappingKeys, mappingSchema } from './schema.ts';
import { usualVendorPaths } from './vendor-words.ts';

/** One mapping as parsed from YAML, and its name in problem reports: a file name, or a place in the config. */
export type MappingLayer = { readonly source: string; readonly mapping: unknown };

/** `path` is the key inside the layer, such as `status.failed[0].when`; empty for the layer as a whole. */
export type MappingProblem = {
  readonly source: string;
  readonly path: string;
  readonly keys: readonly (string | number)[];
  readonly message: string;
  /** The nearest word that would be right. */
  readonly hint?: string | undefined;
  /** Whether the key is what is wrong. */
  readonly isKey?: boolean;
  /** Whether no layer has a part that a mapping needs. */
  readonly isMissing?: boolean;
};

export type MappingCompilation =
  | { readonly kind: 'compiled'; readonly mapping: Mapping }
  | { readonly kind: 'refused'; readonly problems: readonly MappingProblem[] };

export type CompileOptions = { readonly budgets?: Partial<Budgets> | undefined };

function amendMapping(layers: readonly MappingLayer[], part: JsonObject, options: CompileOptions): AmendedMapping {
  const compiled = compileMapping([...layers, { source: 'the parts', mapping: part }], options);
  if (compiled.kind === 'compiled') return compiled;
  const say = ({ keys, message, hint }: MappingProblem) =>
    `${keys.join('.')}${keys.length === 0 ? '' : ': '}${message}${hint === undefined ? '' : `; ${hint}`}`;
  return { kind: 'refused', problems: compiled.problems.map(say) };
}

/**
 * Merges layers, later ones over earlier ones, and compiles the result. A later layer replaces single expressions,
 * status rows and errcodes; what it does not name stays. Reports every problem of every layer at once and throws
 * nothing.
 */
export function compileMapping(layers: readonly MappingLayer[], options: CompileOptions = {}): MappingCompilation {
  const budgets = { ...defaultBudgets, ...options.budgets };
  const problems: MappingProblem[] = [];
  const queueKey = {};

  const compile = (key: string, text: string) => compileExpression(text, { key, queueKey, budgets });

  const parsed = layers.flatMap((layer) => parseLayer(layer, problems));
  const expressions: { [key in ExpressionKey]?: Expression } = {};
  const status = new Map<string, readonly CompiledCase[]>();
  const errcodes = new Map<string, number>();
  let vendorPaths: readonly string[] = usualVendorPaths;
  for (const document of parsed) {
    for (const key of expressionKeys) {
      const text = document[key];
      if (text !== undefined) expressions[key] = compile(key, text);
    }
    for (const [vendorStatus, cases] of Object.entries(document.status ?? {})) {
      const compiled = cases.map(({ when, is }, index) => ({
        when: when === undefined ? undefined : compile(`status.${vendorStatus}[${index}].when`, when),
        is,
      }));
      status.set(vendorStatus, compiled);
    }
    if (document.vendor !== undefined) vendorPaths = document.vendor;
    for (const [word, errcode] of Object.entries(document.errcodes ?? {})) errcodes.set(word, errcode);
  }

  const { output } = expressions;
  if (problems.length === 0 && output !== undefined && status.size > 0) {
    const { input, error, interrupt, resume, threadState, cost } = expressions;
    const amend = (part: JsonObject) => amendMapping(layers, part, options);
    const parts: MappingDeps = {
      ...{ status, input, output, error, interrupt, resume, threadState, cost, errcodes, vendorPaths },
      amend,
    };
    return { kind: 'compiled', mapping: new CompiledMapping(parts) };
  }
  if (problems.length === 0) {
    const source = layers.at(-1)?.source ?? 'mapping';
    if (status.size === 0)
      problems.push({
        source,
        path: 'status',
        keys: ['status'],
        message: 'no layer has a status table',
        isMissing: true,
      });
    if (output === undefined) {
      problems.push({
        source,
        path: 'output',
        keys: ['output'],
        message: 'no layer has an output expression',
        isMissing: true,
      });
    }
  }
  return { kind: 'refused', problems };
}

function parseLayer({ source, mapping }: MappingLayer, problems: MappingProblem[]): MappingDocument[] {
  const result = mappingSchema.safeParse(mapping, { reportInput: true });
  if (result.success) return [result.data];
  for (const problem of describe(result.error, mapping)) problems.push({ source, ...problem });
  return [];
}

function describe(error: ZodError, mapping: unknown): Omit<MappingProblem, 'source'>[] {
  return error.issues.flatMap((issue) => {
    const parts = withoutShorthand(issue.path, mapping);
    if (issue.code !== 'unrecognized_keys') {
      const values = issue.code === 'invalid_value' ? issue.values.map(String) : [];
      const hint = typeof issue.input === 'string' ? findNearest(issue.input, values) : undefined;
      return [{ path: printPath(parts), keys: keysOf(parts), message: issue.message, hint }];
    }
    const known = parts.length === 0 ? mappingKeys : ['when', 'is'];
    return issue.keys.map((key) => ({
      path: printPath([...parts, key]),
      keys: keysOf([...parts, key]),
      message: `unknown key; known keys are ${known.join(', ')}`,
      hint: findNearest(key, known),
      isKey: true,
    }));
  });
}

/** A row that was written as a bare status is parsed as a list; its author would not recognize `[0].is`. */
function withoutShorthand(path: readonly PropertyKey[], mapping: unknown): readonly PropertyKey[] {
  const [key, row] = path;
  const rows = isJsonObject(mapping) ? mapping.status : undefined;
  const written = key === 'status' && isJsonObject(rows) && row !== undefined ? rows[String(row)] : undefined;
  return typeof written === 'string' ? path.slice(0, 2) : path;
}

function keysOf(parts: readonly PropertyKey[]): readonly (string | number)[] {
  return parts.map((part) => (typeof part === 'number' ? part : String(part)));
}

function printPath(parts: readonly PropertyKey[]): string {
  return parts.reduce<string>((path, part) => {
    if (typeof part === 'number') return `${path}[${part}]`;
    return path === '' ? String(part) : `${path}.${String(part)}`;
  }, '');
}
