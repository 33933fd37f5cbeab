import type { JsonObject } from '../../contract/domain/json.ts';

/** What Temporal says of an error beyond its code: a message of `temporal.api.errordetails.v1`. */
export type ErrorDetail = {
  readonly type: 'WorkflowExecutionAlreadyStartedFailure' | 'QueryFailedFailure';
  readonly value: JsonObject;
};

/** An error that the frontend answers; `code` is one of gRPC. */
export class TemporalError extends Error {
  readonly code: number;
  readonly detail: ErrorDetail | null;

  constructor(code: number, message: string, detail: ErrorDetail | null = null) {
    super(message);
    this.name = 'TemporalError';
    this.code = code;
    this.detail = detail;
  }
}

export const codes = {
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const;

/** The HTTP status with which the frontend's HTTP API answers a code. */
export function httpStatusOf(code: number): number {
  return httpStatuses[code] ?? 500;
}

const httpStatuses: Readonly<Record<number, number>> = {
  3: 400,
  4: 504,
  5: 404,
  6: 409,
  7: 403,
  8: 429,
  9: 400,
  12: 501,
  14: 503,
  16: 401,
};
