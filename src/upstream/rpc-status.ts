import type { CallRule, Consequence } from '../contract/adapter/http.ts';
import type { AnswerHeaders } from './retry-after.ts';

/**
 * The codes of gRPC, each with the HTTP status that stands for it (`google.rpc.Code`), and what it means by default. A
 * server answers `busy` also when what it has done does not fit into an answer, or got lost behind it.
 */
const codes = {
  1: { name: 'CANCELLED', httpStatus: 499, means: 'lost' },
  2: { name: 'UNKNOWN', httpStatus: 500, means: 'lost' },
  3: { name: 'INVALID_ARGUMENT', httpStatus: 400, means: 'refused' },
  4: { name: 'DEADLINE_EXCEEDED', httpStatus: 504, means: 'lost' },
  5: { name: 'NOT_FOUND', httpStatus: 404, means: 'notFound' },
  6: { name: 'ALREADY_EXISTS', httpStatus: 409, means: 'refused' },
  7: { name: 'PERMISSION_DENIED', httpStatus: 403, means: 'refused' },
  8: { name: 'RESOURCE_EXHAUSTED', httpStatus: 429, means: 'busy' },
  9: { name: 'FAILED_PRECONDITION', httpStatus: 400, means: 'refused' },
  10: { name: 'ABORTED', httpStatus: 409, means: 'lost' },
  11: { name: 'OUT_OF_RANGE', httpStatus: 400, means: 'refused' },
  12: { name: 'UNIMPLEMENTED', httpStatus: 501, means: 'refused' },
  13: { name: 'INTERNAL', httpStatus: 500, means: 'lost' },
  14: { name: 'UNAVAILABLE', httpStatus: 503, means: 'busy' },
  15: { name: 'DATA_LOSS', httpStatus: 500, means: 'lost' },
  16: { name: 'UNAUTHENTICATED', httpStatus: 401, means: 'refused' },
} as const;

/** A code that is not known is read as 2, as the specification has it. */
function rowOf(code: number): (typeof codes)[keyof typeof codes] {
  return code in codes ? codes[code as keyof typeof codes] : codes[2];
}

export function httpStatusOf(code: number): number {
  return rowOf(code).httpStatus;
}

/** The code with its name, such as `14 (UNAVAILABLE)`. */
export function nameOfCode(code: number): string {
  return code in codes ? `${code} (${rowOf(code).name})` : String(code);
}

/** What a status means where the adapter does not say; `retryAfterMs`: the server named a time to come again. */
export function classifyRpcStatus(rule: CallRule, code: number, retryAfterMs: number | null): Consequence {
  const { refused = 'rejected', notFound = refused, busy } = rule.faults ?? {};
  const lostAnswer: Consequence = rule.retry === 'safe' ? 'retry' : 'unknown';
  switch (rowOf(code).means) {
    case 'refused':
      return refused;
    case 'notFound':
      return notFound;
    case 'busy':
      return busy ?? (retryAfterMs === null ? lostAnswer : 'retry');
    case 'lost':
      return lostAnswer;
  }
}

/** A status with code 0 too. */
type AnsweredStatus = { readonly code: number; readonly message: string; readonly details: Uint8Array | null };

/** The status of an answer, from its trailers, or from its headers where it has no body. Null: it has none, or one that is no number. */
export function readRpcStatus(headers: AnswerHeaders, trailers: AnswerHeaders): AnsweredStatus | null {
  const from = trailers['grpc-status'] === undefined ? headers : trailers;
  const code = first(from['grpc-status']);
  if (code === null || !/^\d{1,9}$/.test(code)) return null;
  const details = first(from['grpc-status-details-bin']);
  return {
    code: Number(code),
    message: decodePercent(first(from['grpc-message']) ?? ''),
    details: details === null ? null : Buffer.from(details, 'base64'),
  };
}

/** How long the server asks to wait, as `grpc-retry-pushback-ms` says; null: it does not, or asks for no retry at all. */
export function readPushbackMs(headers: AnswerHeaders, trailers: AnswerHeaders): number | null {
  const value = first(trailers['grpc-retry-pushback-ms']) ?? first(headers['grpc-retry-pushback-ms']);
  return value !== null && /^\d{1,9}$/.test(value) ? Number(value) : null;
}

function first(value: string | string[] | undefined): string | null {
  const text = Array.isArray(value) ? value[0] : value;
  return text === undefined ? null : text.trim();
}

/** A sequence that is not UTF-8 stays as it is: the specification forbids to drop the message for it. */
function decodePercent(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
