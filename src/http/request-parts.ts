import type { Context } from 'koa';
import type { z } from 'zod';
import { usageKeyOf } from '../access/principals.ts';
import { findNearest } from '../collections/nearest-word.ts';
import { GatewayError } from '../contract/domain/errors.ts';
import type { Principal } from '../contract/domain/principal.ts';
import { jsonWords, parsePlainly } from '../validation/zod-issues.ts';
import type { Elsewhere } from './elsewhere.ts';
import { refuseLessSpecific } from './router.ts';

/** A name that a client made up is sent back, so it is kept short. */
export const maxNameLength = 100;

/** What else is to be said of a member that is refused where it stands; undefined: nothing. */
export type MemberHint = (member: string) => string | undefined;

/** Parses a query or a body; throws `invalid_request`, which names the place and what is wrong there. */
export function parsePart<T>(schema: z.ZodType<T>, value: unknown, hintOf: MemberHint = () => undefined): T {
  const parsed = parsePlainly(schema, value, jsonWords);
  if (parsed.ok) return parsed.value;
  const [issue] = parsed.issues;
  if (issue === undefined) throw new GatewayError('invalid_request');
  const { path, message, given, known } = issue;
  const [member] = path;
  const hint = path.length === 1 && typeof member === 'string' ? hintOf(member) : undefined;
  const nearest =
    given === undefined || hint !== undefined ? undefined : findNearest(given.slice(0, maxNameLength), known);
  const advice = nearest === undefined ? hint : `did you mean "${nearest}"?`;
  const detail = advice === undefined ? message : `${message}; ${advice}`;
  // Only a body can be wrong as a whole: parameters come one by one.
  if (path.length === 0) throw new GatewayError('invalid_request', { detail: `the body ${detail}` });
  const place = path.map((part) => String(part).slice(0, maxNameLength)).join('/');
  throw new GatewayError('invalid_request', { path: place, detail });
}

/** Parses the parameters of a path; throws `invalid_request`, or `method_not_allowed` for a more specific path. */
export function parseParams<T>(schema: z.ZodType<T>, context: Context, paramCount: number, elsewhere: Elsewhere): T {
  const { method, path } = context;
  try {
    // To ACP 0.1, `POST /runs/stream` is a run whose id is no UUID; others have this very path.
    return parsePart(schema, context.params, () => elsewhere.ofPath(method, path, paramCount));
  } catch (refusal) {
    refuseLessSpecific(context, paramCount);
    throw refusal;
  }
}

/** Whose bytes an answer's are: a key's, or where there are none, those of an address. */
export function nameCaller(principal: Principal, { req }: Context): string {
  return principal.name === null ? (req.socket.remoteAddress ?? '') : usageKeyOf(principal);
}
