import { isDeepStrictEqual } from 'node:util';
import type { WrittenRequest } from '../upstream/call-request.ts';
import type { Transport } from '../upstream/client.ts';
import type { HttpResult } from '../upstream/send-request.ts';
import type { CaseAnswered, CaseSent } from './case-schema.ts';

/** One request that a case expects, and the answer to it. */
export type Exchange = {
  readonly sent?: CaseSent | undefined;
  readonly answered?: CaseAnswered | undefined;
  /** Where it stands in the case. */
  readonly path: readonly (string | number)[];
};

/** Something that a case expected to be different. */
export type Difference = { readonly path: readonly (string | number)[]; readonly message: string };

/** Answers the requests of one step from its case, and compares them with what the case expects. */
export class ScriptedVendor {
  readonly differences: Difference[] = [];
  readonly #baseUrl: URL;
  #left: readonly Exchange[] = [];
  #stepPath: readonly (string | number)[] = [];

  constructor(baseUrl: string) {
    this.#baseUrl = new URL(baseUrl);
  }

  begin(exchanges: readonly Exchange[], stepPath: readonly (string | number)[]): void {
    this.#left = exchanges;
    this.#stepPath = stepPath;
  }

  /** Notes requests that were expected and not made. */
  end(): void {
    const [next] = this.#left;
    if (next !== undefined) this.differences.push({ path: next.path, message: 'is not sent' });
  }

  readonly send: Transport = async (request) => {
    const [exchange, ...left] = this.#left;
    this.#left = left;
    if (exchange === undefined) {
      this.differences.push({ path: this.#stepPath, message: `sends one more request: ${describe(request)}` });
      return { kind: 'failed', happening: { kind: 'refused' }, cause: 'the case has no answer' };
    }
    if (exchange.sent !== undefined) this.#compare(exchange.sent, request, [...exchange.path, 'sent']);
    return resultOf(exchange.answered ?? { status: 200 });
  };

  #compare(expected: CaseSent, request: WrittenRequest, path: readonly (string | number)[]): void {
    const { pathname, searchParams, origin } = new URL(request.origin + request.path);
    const prefix = this.#baseUrl.pathname.replace(/\/+$/, '');
    const isOwn = origin === this.#baseUrl.origin && pathname.startsWith(prefix);
    const differs = (member: string, wanted: unknown, found: unknown): void => {
      if (isDeepStrictEqual(found, wanted)) return;
      const message = `is ${show(found)}, and ${show(wanted)} is expected`;
      this.differences.push({ path: [...path, member], message });
    };
    differs('method', expected.method, request.method);
    if (expected.url !== undefined) differs('url', expected.url, origin + pathname);
    else if (isOwn) differs('path', expected.path, pathname.slice(prefix.length) || '/');
    else differs('path', expected.path, origin + pathname);
    differs('query', expected.query, queryOf(searchParams));
    for (const [name, value] of Object.entries(expected.headers ?? {})) {
      if (request.headers[name.toLowerCase()] !== value) {
        const found = show(request.headers[name.toLowerCase()]);
        this.differences.push({
          path: [...path, 'headers', name],
          message: `is ${found}, and ${show(value)} is expected`,
        });
      }
    }
    const isForm = request.headers['content-type'] === 'application/x-www-form-urlencoded';
    const body: unknown =
      request.body === null
        ? undefined
        : isForm
          ? queryOf(new URLSearchParams(request.body))
          : JSON.parse(request.body);
    differs('form', expected.form, isForm ? body : undefined);
    differs('body', expected.body, isForm ? undefined : body);
  }
}

function queryOf(all: URLSearchParams): Readonly<Record<string, string | string[]>> {
  return Object.fromEntries(
    [...new Set(all.keys())].map((name) => {
      const values = all.getAll(name);
      return [name, values.length === 1 ? (values[0] ?? '') : values];
    }),
  );
}

function resultOf(answered: CaseAnswered): HttpResult {
  if (answered === 'cut') return { kind: 'failed', happening: { kind: 'cut' }, cause: 'the case' };
  if (answered === 'timeout') return { kind: 'failed', happening: { kind: 'timeout', sent: true }, cause: 'the case' };
  if (answered === 'refused') return { kind: 'failed', happening: { kind: 'refused' }, cause: 'ECONNREFUSED' };
  const { status, body, text } = answered;
  const type = body === undefined ? 'text/plain' : 'application/json';
  const content = body === undefined ? (text ?? '') : JSON.stringify(body);
  const headers = Object.entries(answered.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value] as const);
  return {
    ...{ kind: 'answer', status },
    headers: { ...(content === '' ? {} : { 'content-type': type }), ...Object.fromEntries(headers) },
    bytes: Buffer.from(content),
  };
}

function describe({ method, origin, path }: WrittenRequest): string {
  return `${method} ${origin}${path}`;
}

const maxShown = 400;

export function show(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length > maxShown ? `${text.slice(0, maxShown)}…` : text;
}
