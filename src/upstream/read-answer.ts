import {
  type CallRule,
  type HttpAnswer,
  type HttpCall,
  type AnswerHeaders as ShownHeaders,
  UpstreamFault,
} from '../contract/adapter/http.ts';
import { assertNever } from '../contract/domain/assert-never.ts';
import type { Json } from '../contract/domain/json.ts';
import type { Redactor } from '../contract/domain/log.ts';
import { boundText } from '../json/bound-text.ts';
import { isJsonObject } from '../json/json-object.ts';
import { describeRefusal } from './describe-refusal.ts';
import { classifyFault, type Happening } from './fault-rule.ts';
import { glimpse } from './glimpse.ts';
import { type ParsedAnswer, parseAnswer } from './parse-answer.ts';
import { type AnswerHeaders, readRetryAfterMs } from './retry-after.ts';
import type { HttpResult } from './send-request.ts';

const maxMessageLength = 500;

export type ReadOptions = {
  readonly redactor: Redactor;
  readonly maxAnswerBytes: number;
  /** What was asked. */
  readonly url: string;
};

/**
 * Turns what came over the wire into the call's answer; a promise where it is large. Throws or rejects with the
 * {@link UpstreamFault} that it amounts to.
 */
export function readAnswer<T>(
  call: HttpCall<T>,
  result: HttpResult,
  options: ReadOptions,
): HttpAnswer<T> | Promise<HttpAnswer<T>> {
  if (result.kind === 'failed') {
    const { beginning } = result;
    throw faultOfFailure(call, result, options, {
      ...(beginning === undefined ? {} : { vendorStatus: findStatus(call, beginning) }),
      ...stepOf(call),
    });
  }
  const { headers, bytes, status } = result;
  const parsed = bytes === null ? nothing : parseAnswer(bytes, headers, status < 300 ? call.events : undefined);
  return parsed instanceof Promise
    ? parsed.then((large) => judge(call, result, large, options))
    : judge(call, result, parsed, options);
}

/** The fault that a call without an answer amounts to. */
export function faultOfFailure(
  rule: CallRule,
  result: Extract<HttpResult, { kind: 'failed' }>,
  { redactor, maxAnswerBytes }: Pick<ReadOptions, 'redactor' | 'maxAnswerBytes'>,
  more: Pick<FaultDetails, 'step' | 'vendorStatus'> = {},
): UpstreamFault {
  const { happening, cause, message = describeHappening(happening, cause, maxAnswerBytes), status } = result;
  const known = status === undefined ? {} : { httpStatus: status };
  return makeFault(rule, happening, { message, cause: redactor.text(cause), ...known, ...more });
}

type Arrived = Extract<HttpResult, { kind: 'answer' }>;

const nothing: ParsedAnswer = { kind: 'empty' };

function judge<T>(call: HttpCall<T>, result: Arrived, parsed: ParsedAnswer, options: ReadOptions): HttpAnswer<T> {
  const { redactor } = options;
  const { status, headers, bytes } = result;
  if (status >= 200 && status < 300 && bytes !== null) return readBody(call, { ...result, bytes }, parsed, options);
  const { message, isVendors, answer } = readRefusal(call, headers, parsed, redactor);
  const retryAfterMs = readRetryAfterMs(status, headers, Date.now());
  throw new UpstreamFault({
    answer,
    ...stepOf(call),
    headers: showHeaders(headers, redactor),
    consequence: classifyFault(call, { kind: 'http-status', status, isVendors: isVendors || retryAfterMs !== null }),
    kind: 'http-status',
    message: message ?? `the vendor answered ${status}`,
    httpStatus: status,
    retryAfterMs,
  });
}

function readBody<T>(
  call: HttpCall<T>,
  { status, headers, bytes }: Arrived & { readonly bytes: Uint8Array },
  parsed: ParsedAnswer,
  { redactor, url }: ReadOptions,
): HttpAnswer<T> {
  const text = call.takesText === true && parsed.kind === 'malformed' ? plainText(headers, parsed.text) : null;
  if (parsed.kind === 'json' || text !== null) {
    const raw = parsed.kind === 'json' ? redactor.json(parsed.value, parsed.text) : redactor.text(text ?? '');
    const answer = call.answer.safeParse(raw);
    if (answer.success)
      return new ReadAnswer({ body: answer.data, raw, status, bytes: bytes.byteLength, url }, headers, redactor);
    const path = answer.error.issues[0]?.path.join('.');
    const where = path === undefined || path === '' ? '' : ` (${path})`;
    const message = `the vendor's answer has not the expected shape${where}`;
    throw makeFault(call, { kind: 'malformed' }, { message, httpStatus: status, ...stepOf(call) });
  }
  // A schema that accepts undefined or null needs no body: the status alone is the answer, unless the call reads what is there.
  for (const absent of parsed.kind === 'malformed' && call.readsBody === true ? [] : [undefined, null]) {
    const answer = call.answer.safeParse(absent);
    if (answer.success)
      return new ReadAnswer({ body: answer.data, raw: null, status, bytes: 0, url }, headers, redactor);
  }
  const message = parsed.kind === 'empty' ? "the vendor's answer is empty" : parsed.message;
  // What is text and no JSON may be half of an answer; what is no text will not be any the next time.
  const vendorStatus = parsed.kind === 'malformed' && parsed.text === null ? findStatus(call, bytes) : null;
  throw makeFault(call, { kind: 'malformed' }, { message, httpStatus: status, vendorStatus, ...stepOf(call) });
}

/** Most adapters never look at the headers, so that they are copied and cleaned only for those that do. */
class ReadAnswer<T> implements HttpAnswer<T> {
  readonly body: T;
  readonly raw: Json;
  readonly status: number;
  readonly bytes: number;
  readonly url: string;
  readonly #headers: AnswerHeaders;
  readonly #redactor: Redactor;

  constructor(answer: Omit<HttpAnswer<T>, 'headers'>, headers: AnswerHeaders, redactor: Redactor) {
    this.body = answer.body;
    this.raw = answer.raw;
    this.status = answer.status;
    this.bytes = answer.bytes;
    this.url = answer.url;
    this.#headers = headers;
    this.#redactor = redactor;
  }

  get headers(): ShownHeaders {
    return showHeaders(this.#headers, this.#redactor);
  }
}

export function showHeaders(headers: AnswerHeaders, redactor: Redactor): ShownHeaders {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, redactor.text(Array.isArray(value) ? value.join(', ') : value)]],
    ),
  );
}

/** What the readable part of an answer says; null: nothing that the call understands. */
function findStatus<T>({ answer, statusOf }: HttpCall<T>, bytes: Uint8Array): string | null {
  const seen = statusOf === undefined ? null : glimpse(bytes);
  if (statusOf === undefined || seen === null) return null;
  const read = answer.safeParse(seen);
  return read.success ? statusOf(read.data) : null;
}

type Refusal = {
  readonly message: string | null;
  /** Whether it is in the vendor's form. */
  readonly isVendors: boolean;
  readonly answer: Json;
};

const silence: Refusal = { message: null, isVendors: false, answer: null };

/** What an answer says that refuses, and its body, without secrets. */
function readRefusal<T>(call: HttpCall<T>, headers: AnswerHeaders, parsed: ParsedAnswer, redactor: Redactor): Refusal {
  if (parsed.kind === 'empty') return silence;
  const answer = parsed.kind === 'json' ? redactor.json(parsed.value, parsed.text) : null;
  const found = parsed.kind === 'json' ? call.errorMessage(answer) : readPlainText(headers, parsed.text);
  if (found === null) return { ...silence, answer };
  return { message: tidy(redactor.text(found)), isVendors: isJsonObject(answer), answer };
}

/** Text that says of itself that it is nothing more. */
function plainText(headers: AnswerHeaders, text: string | null): string | null {
  const type = headers['content-type'];
  return typeof type === 'string' && /^text\/plain\b/i.test(type) ? text : null;
}

/** Some servers explain an error in plain text; a page of HTML explains nothing. */
function readPlainText(headers: AnswerHeaders, text: string | null): string | null {
  if (text === null) return null;
  const type = headers['content-type'];
  const isPlain = type === undefined || (typeof type === 'string' && type.startsWith('text/plain'));
  return isPlain && !text.trimStart().startsWith('<') ? text : null;
}

/** A vendor's message as one line of bounded length; null where it says nothing. */
export function tidy(message: string): string | null {
  // Control characters would let a vendor forge lines in a log or on a terminal.
  const line = message.replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ').trim();
  if (line === '') return null;
  return boundText(line, maxMessageLength);
}

/** The status that the call before this one showed stands in for what its answer would say. */
function stepOf<T>({ resultOf }: HttpCall<T>): { readonly step?: 'result'; readonly vendorStatus?: string } {
  return resultOf === undefined ? {} : { step: 'result', vendorStatus: resultOf };
}

type FaultDetails = {
  readonly message: string;
  readonly cause?: string;
  readonly httpStatus?: number;
  readonly retryAfterMs?: number | null;
  readonly headers?: ShownHeaders;
  readonly step?: 'result';
  readonly vendorStatus?: string | null;
};

/** The fault that a happening amounts to. */
export function makeFault(rule: CallRule, happening: Happening, details: FaultDetails): UpstreamFault {
  return new UpstreamFault({
    consequence: classifyFault(rule, happening),
    kind: happening.kind === 'unsendable' || happening.kind === 'forbidden' ? 'malformed' : happening.kind,
    ...details,
  });
}

function describeHappening(happening: Happening, cause: string, maxAnswerBytes: number): string {
  switch (happening.kind) {
    case 'refused':
      return describeRefusal(cause);
    case 'reset':
      return 'the vendor closed the connection before anything was sent';
    case 'unsendable':
      return 'the request cannot be sent: a header or the path has a character that HTTP does not allow';
    case 'forbidden':
      return "the address in the vendor's answer leads to an address that is not public";
    case 'timeout':
      return happening.sent ? 'the vendor did not answer in time' : 'no connection to the vendor in time';
    case 'aborted':
      return happening.sent
        ? 'the call was given up before the vendor answered'
        : 'the call was given up before it was sent';
    case 'cut':
      return 'the vendor closed the connection before its answer was complete';
    case 'malformed':
      return "the vendor's answer is not HTTP";
    case 'too-large':
      return `the vendor's answer is larger than ${maxAnswerBytes} bytes`;
    case 'http-status':
      return `the vendor answered ${happening.status}`;
    default:
      return assertNever(happening);
  }
}
