import type { CompiledExpression, ExpressionCompiler } from '../../src/contract/adapter/expressions.ts';
import { type CallBase, type HttpCall, UpstreamFault } from '../../src/contract/adapter/http.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { isExactNumber } from '../../src/json/exact-number.ts';
import { pathPart } from '../path.ts';
import { readMember, type VendorFile, type VendorRequest } from './schema.ts';
import { parsePath } from './template.ts';

/** What a request's expressions see. */
export type RequestScope = JsonObject;

/** The parts of a call that follow from the data. */
export type BuiltRequest = Pick<HttpCall<unknown>, 'method' | 'path' | 'base' | 'headers' | 'body' | 'form'>;

type Named = readonly (readonly [name: string, expression: CompiledExpression])[];
type PathPart =
  | string
  | { readonly expression: CompiledExpression; readonly name: string; readonly keepsSlashes: boolean };

/** One request of a file, compiled. */
export class RequestPlan {
  readonly #method: BuiltRequest['method'];
  readonly #path: readonly PathPart[];
  readonly #base: CompiledExpression | undefined;
  readonly #query: Named;
  readonly #headers: Named;
  readonly #body: CompiledExpression | undefined;
  readonly #form: Named | undefined;

  constructor(request: VendorRequest, { file, key, compile }: RequestPlanOptions) {
    const named = (member: string, all: Readonly<Record<string, string>> | undefined): Named =>
      Object.entries(all ?? {}).map(([name, text]) => [name, compile(text, `${key}.${member}.${name}`)]);
    this.#method = request.method;
    this.#path = compilePath(request.path ?? '', { file, key, compile });
    this.#base = request.base === undefined ? undefined : compile(request.base, `${key}.base`);
    this.#query = named('query', request.query);
    // A request's own header wins over that of the file.
    const headers = { ...lowerCase(file.headers), ...lowerCase(request.headers) };
    this.#headers = named('headers', headers);
    this.#body = request.body === undefined ? undefined : compile(request.body, `${key}.body`);
    this.#form = request.form === undefined ? undefined : named('form', request.form);
  }

  /**
   * @throws MappingFault where an expression fails, and UpstreamFault where a value is missing that the path needs; nothing was
   * sent then
   */
  async build(scope: RequestScope): Promise<BuiltRequest> {
    let path = '';
    for (const part of this.#path) {
      if (typeof part === 'string') path += part;
      else {
        // Plain paths, which most parts are, take no turn.
        const value = part.expression.evaluate(scope);
        path += encodePart(value instanceof Promise ? await value : value, part);
      }
    }
    if (this.#query.length > 0) path += await this.#buildQuery(scope);
    const built: { -readonly [key in keyof BuiltRequest]: BuiltRequest[key] } = { method: this.#method, path };
    if (this.#base !== undefined) built.base = await buildBase(this.#base, scope);
    if (this.#headers.length > 0) built.headers = await this.#buildHeaders(scope);
    if (this.#body !== undefined) {
      const body = await this.#body.evaluate(scope);
      if (body !== undefined) built.body = body;
    }
    if (this.#form !== undefined) built.form = await pairsOf(this.#form, scope);
    return built;
  }

  async #buildQuery(scope: RequestScope): Promise<string> {
    const pairs = await pairsOf(this.#query, scope);
    return pairs.length === 0 ? '' : `?${new URLSearchParams(pairs.map(([name, value]) => [name, value])).toString()}`;
  }

  async #buildHeaders(scope: RequestScope): Promise<Readonly<Record<string, string>>> {
    const headers: [string, string][] = [];
    for (const [name, expression] of this.#headers) {
      const value = await expression.evaluate(scope);
      if (value !== undefined && value !== null) headers.push([name, encodeHeader(textOf(value))]);
    }
    return Object.fromEntries(headers);
  }
}

export type RequestPlanOptions = {
  readonly file: VendorFile;
  /** Where the request stands, such as `results.items`. */
  readonly key: string;
  readonly compile: ExpressionCompiler['compile'];
};

/** A request that cannot be made of these values: nothing was sent, and nothing would be different the next time. */
function unsendable(message: string): UpstreamFault {
  return new UpstreamFault({ consequence: 'rejected', kind: 'malformed', message });
}

/** Scalars as they are written, everything else as JSON. */
export function textOf(value: Json): string {
  if (typeof value === 'string') return value;
  return isExactNumber(value) ? value.source : JSON.stringify(value);
}

function compilePath(path: string, { file, key, compile }: RequestPlanOptions): readonly PathPart[] {
  const parsed = parsePath(path);
  if (typeof parsed === 'string') throw new TypeError(`the path of ${key} ${parsed}`);
  // A slash alone is the base URL as it is written.
  if (path === '/') return [];
  return parsed.map((part) => {
    if (typeof part === 'string') return part;
    const name = part.expression;
    const keepsSlashes = isPath(name, file);
    return { expression: compile(name, `${key}.path`), name, keepsSlashes };
  });
}

function isPath(expression: string, { target, settings }: VendorFile): boolean {
  const [, scope, name = ''] = /^(target|settings)\.(\w+)$/.exec(expression) ?? [];
  const written = scope === 'target' ? target[name] : scope === 'settings' ? settings[name] : undefined;
  return written !== undefined && readMember(written).kind === 'path';
}

function encodePart(value: Json | undefined, { name, keepsSlashes }: Exclude<PathPart, string>): string {
  if (value === undefined || value === null || value === '')
    throw unsendable(`the path needs ${name}, which has no value`);
  const text = textOf(value);
  const parts = keepsSlashes ? text.split('/') : [text];
  if (!parts.every((part) => pathPart.safeParse(part).success)) {
    throw unsendable(`the path needs ${name}, whose value cannot be part of one`);
  }
  return parts.map((part) => encodeURIComponent(part)).join('/');
}

async function buildBase(expression: CompiledExpression, scope: RequestScope): Promise<CallBase | undefined> {
  const url = await expression.evaluate(scope);
  // An optional setting that is left out leaves the backend's own base.
  return typeof url === 'string' ? { kind: 'configured', url } : undefined;
}

/** Absent values and null are left out; a list gives its name several times. */
async function pairsOf(named: Named, scope: RequestScope): Promise<readonly (readonly [string, string])[]> {
  const pairs: [string, string][] = [];
  for (const [name, expression] of named) {
    const value = await expression.evaluate(scope);
    if (value === undefined || value === null) continue;
    const values: readonly Json[] = Array.isArray(value) ? value : [value];
    for (const each of values) if (each !== null) pairs.push([name, textOf(each)]);
  }
  return pairs;
}

/** HTTP carries visible ASCII and spaces; everything else is percent-encoded, so that no value becomes another header. */
function encodeHeader(text: string): string {
  return text
    .toWellFormed()
    .replace(/[^\x20-\x7e]+/g, (run) => encodeURIComponent(run))
    .trim();
}

function lowerCase(headers: Readonly<Record<string, string>> | undefined): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers ?? {}).map(([name, text]) => [name.toLowerCase(), text]));
}
