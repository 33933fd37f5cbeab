import type { CompiledExpression } from '../../src/contract/adapter/expressions.ts';
import { type HttpAnswer, UpstreamFault } from '../../src/contract/adapter/http.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { type AnswerScope, isTrue } from './judge.ts';
import { type BuiltRequest, RequestPlan, type RequestPlanOptions } from './request.ts';
import type { VendorFile, VendorResult } from './schema.ts';
import { ofResult, type Sender } from './sender.ts';

/** More pages are not read, however few items each has. */
const maxPages = 20;

/** What one observation's results may take. */
export type ResultContext = {
  readonly sender: Sender;
  readonly signal: AbortSignal | undefined;
  /** The status that the run was just seen in. */
  readonly status: string;
  /** Bytes of answers that are left to all results of the observation together. */
  leftBytes: number;
};

/** What a request for a result gave. */
export type ResultOutcome =
  | { readonly kind: 'value'; readonly value: Json; readonly isCut: boolean }
  | { readonly kind: 'none' }
  | { readonly kind: 'status'; readonly status: string; readonly error: Json };

/** One of the requests that follow once a run has a status. */
export class ResultPlan {
  readonly name: string;
  readonly #on: ReadonlySet<string>;
  readonly #when: CompiledExpression | undefined;
  readonly #request: RequestPlan;
  readonly #url: CompiledExpression | undefined;
  readonly #refused: CompiledExpression | undefined;
  readonly #isOptional: boolean;
  readonly #pages:
    | { readonly items: CompiledExpression; readonly next: CompiledExpression; readonly most: number }
    | undefined;

  constructor(name: string, result: VendorResult, { file, key, compile }: RequestPlanOptions) {
    const { on, when, url, refused, optional, pages } = result;
    const one = (member: string, text: string | undefined) =>
      text === undefined ? undefined : compile(text, `${key}.${member}`);
    this.name = name;
    this.#on = new Set(on);
    this.#when = one('when', when);
    this.#request = new RequestPlan(result, { file, key, compile });
    this.#url = one('url', url);
    this.#refused = one('refused', refused);
    this.#isOptional = optional;
    this.#pages = pages && {
      items: compile(pages.items, `${key}.pages.items`),
      next: compile(pages.next, `${key}.pages.next`),
      most: pages.most,
    };
  }

  /** Whether the vendor is asked for it when the run has this status. */
  async applies(status: string, scope: JsonObject): Promise<boolean> {
    return this.#on.has(status) && (this.#when === undefined || isTrue(await this.#when.evaluate(scope)));
  }

  /** @throws UpstreamFault, and MappingFault where an expression fails */
  async read(scope: JsonObject, context: ResultContext): Promise<ResultOutcome> {
    const request = await this.#build(scope, context.status);
    if (request === null) return { kind: 'none' };
    try {
      return this.#pages === undefined
        ? await this.#readOne(request, context)
        : await this.#readPages(request, context);
    } catch (error) {
      const isMissing = error instanceof UpstreamFault && (error.httpStatus === 404 || error.httpStatus === 410);
      if (this.#isOptional && isMissing) return { kind: 'none' };
      throw error;
    }
  }

  async #build(scope: JsonObject, status: string): Promise<BuiltRequest | null> {
    if (this.#url === undefined) return await this.#request.build(scope);
    const url = await this.#url.evaluate(scope);
    if (url === undefined || url === null || url === '') return null;
    if (typeof url !== 'string') throw malformed(`the address of the result ${this.name} is no text`, status);
    return { ...(await this.#request.build(scope)), base: { kind: 'answered', url } };
  }

  async #readOne(request: BuiltRequest, context: ResultContext): Promise<ResultOutcome> {
    const sent = await this.#ask(request, context);
    if (sent.kind !== 'answer') return sent;
    const { answer } = sent;
    if (answer.bytes > 0) return { kind: 'value', value: answer.raw, isCut: false };
    if (this.#isOptional) return { kind: 'none' };
    throw malformed(`the answer with the result ${this.name} is empty, or neither JSON nor text`, context.status);
  }

  async #readPages(first: BuiltRequest, context: ResultContext): Promise<ResultOutcome> {
    const items: Json[] = [];
    const { items: itemsOf, next, most } = this.#pages ?? failWithoutPages();
    let request = first;
    for (let count = 1; ; count += 1) {
      const sent = await this.#ask(request, context);
      if (sent.kind !== 'answer') return sent;
      const { answer } = sent;
      const scope: AnswerScope = { body: answer.raw, status: answer.status, headers: answer.headers };
      const found = await itemsOf.evaluate(scope);
      // JSONata gives a single item instead of a list of one.
      if (found !== undefined && found !== null)
        items.push(...(Array.isArray(found) ? (found as readonly Json[]) : [found]));
      const address = await next.evaluate(scope);
      const isLast = address === undefined || address === null || address === '' || address === false;
      if (items.length > most || (!isLast && (count === maxPages || items.length === most))) {
        return { kind: 'value', value: items.slice(0, most), isCut: true };
      }
      if (isLast) return { kind: 'value', value: items, isCut: false };
      request = {
        ...request,
        path: '',
        base: { kind: 'answered', url: this.#resolve(address, answer, context.status) },
      };
    }
  }

  #resolve(address: Json, { url }: HttpAnswer<unknown>, status: string): string {
    const resolved = typeof address === 'string' ? URL.parse(address, url) : null;
    if (resolved === null) throw malformed(`the address of the next page of ${this.name} is no URL`, status);
    return resolved.href;
  }

  async #ask(
    request: BuiltRequest,
    context: ResultContext,
  ): Promise<
    | { readonly kind: 'answer'; readonly answer: HttpAnswer<unknown> }
    | { readonly kind: 'none' }
    | { readonly kind: 'status'; readonly status: string; readonly error: Json }
  > {
    const { sender, signal, status: resultOf } = context;
    const sent = await sender.send('result', request, { resultOf, refused: this.#refused, signal });
    if (sent.kind === 'done') return { kind: 'none' };
    if (sent.kind === 'status') return sent;
    context.leftBytes -= sent.answer.bytes;
    if (context.leftBytes >= 0) return sent;
    const message = "the vendor's answers with the results of the run are too large together";
    throw new UpstreamFault({ consequence: 'retry', kind: 'too-large', message, ...ofResult(resultOf) });
  }
}

/** The plans of a file's results, in their order. */
export function planResults(file: VendorFile, compile: RequestPlanOptions['compile']): readonly ResultPlan[] {
  return Object.entries(file.results ?? {}).map(
    ([name, result]) => new ResultPlan(name, result, { file, key: `results.${name}`, compile }),
  );
}

function malformed(message: string, status: string): UpstreamFault {
  return new UpstreamFault({ consequence: 'retry', kind: 'malformed', message, ...ofResult(status) });
}

function failWithoutPages(): never {
  throw new TypeError('the result has no pages');
}
