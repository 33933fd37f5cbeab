import type { Context } from 'koa';
import type { z } from 'zod';
import { findNearest } from '../collections/nearest-word.ts';
import { GatewayError } from '../contract/domain/errors.ts';
import { jsonWords, parsePlainly } from '../validation/zod-issues.ts';
import { refuseLessSpecific } from './router.ts';

/** A name that a client made up is sent back, so it is kept short. */
const maxNameLength = 100;

/** Parses a query or a body; throws `invalid_request`, which names the place and what is wrong there. */
export function parsePart<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = parsePlainly(schema, value, jsonWords);
  if (parsed.ok) return parsed.value;
  const [issue] = parsed.issues;
  if (issue === undefined) throw new GatewayError('invalid_request');
  const { path, message, given, known } = issue;
  const nearest = given === undefined ? undefined : findNearest(given.slice(0, maxNameLength), known);
  const detail = nearest === undefined ? message : `${message}; did you mean "${nearest}"?`;
  // Only a body can be wrong as a whole: parameters come one by one.
  if (path.length === 0) throw new GatewayError('invalid_request', { detail: `the body ${detail}` });
  const place = path.map((part) => String(part).slice(0, maxNameLength)).join('/');
  throw new GatewayError('invalid_request', { path: place, detail });
}

/** Parses the parameters of a path; throws `invalid_request`, or `method_not_allowed` for a more specific path. */
export function parseParams<T>(schema: z.ZodType<T>, context: Context, paramCount: number): T {
  try {
    return parsePart(schema, context.params);
  } catch (refusal) {
    refuseLessSpecific(context, paramCount);
    throw refusal;
  }
}
