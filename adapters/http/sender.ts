import { z } from 'zod';
import type { CompiledExpression } from '../../src/contract/adapter/expressions.ts';
import { type CallRule, type HttpAnswer, type HttpCall, UpstreamFault } from '../../src/contract/adapter/http.ts';
import type { HttpClient } from '../../src/contract/adapter/http-client.ts';
import type { Json } from '../../src/contract/domain/json.ts';
import { findReason } from '../../src/json/find-reason.ts';
import type { Authorizer } from '../authorizer.ts';
import { callAuthorized } from '../call-authorized.ts';
import { actOnce, endRun, observeRun } from '../call-rules.ts';
import { TokenFault } from '../fetched-token.ts';
import { type AnswerScope, isTrue, type Judge, tidy } from './judge.ts';
import type { BuiltRequest } from './request.ts';
import type { FaultStep } from './schema.ts';

/** The run has ended, so that a result which is refused now will be refused again. */
const readResult = { retry: 'safe', faults: { notFound: 'gone' } } as const satisfies CallRule;

const rules: Readonly<Record<FaultStep, CallRule>> = {
  start: actOnce,
  observe: observeRun,
  result: readResult,
  resume: actOnce,
  cancel: endRun,
};

/** The answer to a request, or what a refusal means that is no fault. */
export type Sent =
  | { readonly kind: 'answer'; readonly answer: HttpAnswer<unknown> }
  | { readonly kind: 'done' }
  | { readonly kind: 'status'; readonly status: string; readonly error: Json };

export type SendOptions = {
  /** Of a request for a result: the status that the run was just seen in. */
  readonly resultOf?: string | undefined;
  readonly refused?: CompiledExpression | undefined;
  readonly signal?: AbortSignal | undefined;
};

/** Sends the requests of one account and judges what comes back. */
export class Sender {
  readonly #http: HttpClient;
  readonly #judge: Judge;
  readonly #auth: Authorizer | undefined;

  constructor(http: HttpClient, judge: Judge, auth: Authorizer | undefined) {
    this.#http = http;
    this.#judge = judge;
    this.#auth = auth;
  }

  /** @throws UpstreamFault */
  async send(step: FaultStep, request: BuiltRequest, options: SendOptions = {}): Promise<Sent> {
    try {
      const answer = await this.#call(step, request, options);
      if (options.refused === undefined) return { kind: 'answer', answer };
      const scope: AnswerScope = { body: answer.raw, status: answer.status, headers: answer.headers };
      if (!isTrue(await options.refused.evaluate(scope))) return { kind: 'answer', answer };
      throw await this.#refusalOf(step, answer, options.resultOf);
    } catch (error) {
      if (error instanceof TokenFault) throw tokenFault(error, step);
      const verdict = await this.#judge.judge(step, error);
      if (verdict.kind === 'fault') throw verdict.fault;
      return verdict;
    }
  }

  async #call(step: FaultStep, request: BuiltRequest, { signal, resultOf }: SendOptions): Promise<HttpAnswer<unknown>> {
    const call: HttpCall<unknown> = {
      ...request,
      ...rules[step],
      purpose: step,
      answer: anything,
      errorMessage: findReason,
      takesText: true,
      // An expression may make a status of nothing: half an answer, or the page of a proxy, must not become one.
      readsBody: step === 'observe' || step === 'result',
      resultOf,
      signal,
    };
    return await callAuthorized(this.#http, this.#auth, call);
  }

  /** A 2xx that is a refusal is judged as a 4xx of the same request. */
  async #refusalOf(
    step: FaultStep,
    { raw, status, headers }: HttpAnswer<unknown>,
    resultOf: string | undefined,
  ): Promise<UpstreamFault> {
    const message = await this.#judge.findMessage(raw);
    return new UpstreamFault({
      consequence: rules[step].faults?.refused ?? 'rejected',
      kind: 'http-status',
      ...ofResult(resultOf),
      message: message === null ? 'the vendor refused the request' : tidy(message),
      httpStatus: status,
      answer: raw,
      headers,
    });
  }
}

const anything = z.unknown();

/** Marks a fault as one of a result, which says nothing about the run. */
export function ofResult(status: string | undefined): { readonly step?: 'result'; readonly vendorStatus?: string } {
  return status === undefined ? {} : { step: 'result', vendorStatus: status };
}

/** Without a token nothing was sent. A run that is at the vendor already goes on there, and is asked for later. */
function tokenFault(fault: TokenFault, step: FaultStep): UpstreamFault {
  const isOfRun = step === 'observe' || step === 'result';
  if (!isOfRun || fault.consequence !== 'rejected') return fault;
  const { kind, httpStatus, retryAfterMs, message, answer, cause } = fault;
  const details = { kind, httpStatus, retryAfterMs, message, answer, cause };
  return new UpstreamFault({ consequence: 'retry', ...details });
}
