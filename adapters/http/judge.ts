import type { CompiledExpression, ExpressionCompiler } from '../../src/contract/adapter/expressions.ts';
import { type AnswerHeaders, UpstreamFault } from '../../src/contract/adapter/http.ts';
import type { Json } from '../../src/contract/domain/json.ts';
import { MappingFault } from '../../src/contract/domain/mapping.ts';
import { findReason } from '../../src/json/find-reason.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import type { FaultMeaning, FaultStep, VendorFile } from './schema.ts';

/** What an expression on an answer sees. */
export type AnswerScope = { readonly body: Json; readonly status: number; readonly headers?: AnswerHeaders };

/** What a fault amounts to once the rows of the file have been asked. */
export type Verdict =
  | { readonly kind: 'fault'; readonly fault: UpstreamFault }
  /** What was asked is so already. */
  | { readonly kind: 'done' }
  /** The run has this status of the vendor then; `error` is the body of the refusal. */
  | { readonly kind: 'status'; readonly status: string; readonly error: Json };

type Row = {
  readonly on: FaultStep;
  readonly http: readonly number[] | undefined;
  readonly when: CompiledExpression | undefined;
  readonly is: FaultMeaning | undefined;
  readonly status: string | undefined;
};

const maxMessageLength = 500;

/** Judges refusals by the rows of a file, and finds the vendor's message in them. */
export class Judge {
  readonly #rows: readonly Row[];
  readonly #error: CompiledExpression | undefined;

  constructor({ faults, error }: VendorFile, compile: ExpressionCompiler['compile']) {
    this.#rows = faults.map(({ on, http, when, is, status }, index) => ({
      ...{ on, is, status },
      http: http === undefined ? undefined : [http].flat(),
      when: when === undefined ? undefined : compile(when, `faults[${index}].when`),
    }));
    this.#error = error === undefined ? undefined : compile(error, 'error');
  }

  async judge(on: FaultStep, error: unknown): Promise<Verdict> {
    if (!(error instanceof UpstreamFault)) throw error;
    if (error.kind !== 'http-status' || error.httpStatus === null) return { kind: 'fault', fault: error };
    const scope: AnswerScope = { body: error.answer, status: error.httpStatus, headers: error.headers };
    for (const row of this.#rows) {
      if (row.on !== on || (row.http !== undefined && !row.http.includes(error.httpStatus))) continue;
      if (row.when !== undefined && !(await this.#holds(row.when, scope))) continue;
      if (row.status !== undefined) return { kind: 'status', status: row.status, error: error.answer };
      if (row.is === 'done') return { kind: 'done' };
      if (row.is !== undefined) return { kind: 'fault', fault: await this.#reword(error, row.is) };
    }
    return { kind: 'fault', fault: await this.#reword(error, error.consequence) };
  }

  /** The vendor's message in the body of a refusal. */
  async findMessage(body: Json): Promise<string | null> {
    const found = this.#error === undefined ? undefined : await tryOut(this.#error, body);
    return typeof found === 'string' && found.trim() !== '' ? found : findReason(body);
  }

  async #holds(when: CompiledExpression, scope: AnswerScope): Promise<boolean> {
    // A row whose expression fails does not fit: the fault itself must not be lost.
    return isTrue(await tryOut(when, scope));
  }

  async #reword(fault: UpstreamFault, consequence: UpstreamFault['consequence']): Promise<UpstreamFault> {
    const found = this.#error === undefined ? undefined : await tryOut(this.#error, fault.answer);
    const words = typeof found === 'string' ? tidy(found) : '';
    if (words === '' && consequence === fault.consequence) return fault;
    const { kind, httpStatus, retryAfterMs, step, vendorStatus, answer, headers, cause } = fault;
    const message = words === '' ? fault.message : words;
    return new UpstreamFault({
      consequence,
      kind,
      message,
      httpStatus,
      retryAfterMs,
      step,
      vendorStatus,
      answer,
      headers,
      cause,
    });
  }
}

/** Truth as JSONata's `$boolean` has it. */
export function isTrue(value: Json | undefined): boolean {
  if (Array.isArray(value)) return value.some((each: Json) => isTrue(each));
  return isJsonObject(value) ? Object.keys(value).length > 0 : Boolean(value);
}

/** One line of bounded length: control characters would let a vendor forge lines in a log. */
export function tidy(message: string): string {
  return message
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim()
    .slice(0, maxMessageLength);
}

/** The value of an expression; undefined where it fails. */
async function tryOut(expression: CompiledExpression, data: unknown): Promise<Json | undefined> {
  try {
    return await expression.evaluate(data);
  } catch (error) {
    if (error instanceof MappingFault) return undefined;
    throw error;
  }
}
