/** Header names in lower case, as undici hands them over. */
export type AnswerHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** A longer wait is cut to an hour: a wrong header must not park a run for a day. */
export const maxRetryAfterMs = 3_600_000;

const httpDate = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? /;

/**
 * How long the vendor asks callers to wait, in milliseconds; null when it does not say. Reads `Retry-After` (RFC 9110
 * section 10.2.3: seconds or a date) and, on 429 and 503 only, `X-RateLimit-Reset` and `RateLimit-Reset`: other answers
 * carry those for information.
 */
export function readRetryAfterMs(status: number, headers: AnswerHeaders, nowMs: number): number | null {
  const reset = first(headers['x-ratelimit-reset']) ?? first(headers['ratelimit-reset']);
  const waitMs =
    readRetryAfter(first(headers['retry-after']), vendorNowMs(headers, nowMs)) ??
    (status === 429 || status === 503 ? readReset(reset, nowMs) : null);
  return waitMs === null ? null : Math.min(Math.max(Math.round(waitMs), 0), maxRetryAfterMs);
}

function readRetryAfter(value: string | null, nowMs: number): number | null {
  if (value === null) return null;
  return readSeconds(value, 1000) ?? readDate(value, nowMs);
}

/** Vendors send either seconds from now or the Unix time of the reset, in seconds or milliseconds. */
function readReset(value: string | null, nowMs: number): number | null {
  const seconds = value === null ? null : readSeconds(value, 1);
  if (seconds === null) return null;
  if (seconds > 1e11) return seconds - nowMs;
  return seconds > 1e8 ? seconds * 1000 - nowMs : seconds * 1000;
}

function readSeconds(value: string, factor: number): number | null {
  return /^\d{1,15}(\.\d+)?$/.test(value) ? Number(value) * factor : null;
}

function readDate(value: string, nowMs: number): number | null {
  // Date.parse turns almost anything with a digit into a date.
  if (!httpDate.test(value)) return null;
  const atMs = Date.parse(/(GMT|UTC|[+-]\d{4})$/.test(value) ? value : `${value} GMT`);
  return Number.isNaN(atMs) ? null : atMs - nowMs;
}

/** A date follows the vendor's clock, so it is compared with the answer's `Date` header where there is one. */
function vendorNowMs(headers: AnswerHeaders, nowMs: number): number {
  const date = first(headers.date);
  const atMs = date === null || !httpDate.test(date) ? Number.NaN : Date.parse(date);
  return Number.isNaN(atMs) ? nowMs : atMs;
}

function first(value: string | string[] | undefined): string | null {
  const text = Array.isArray(value) ? value[0] : value;
  return text === undefined ? null : text.trim();
}
