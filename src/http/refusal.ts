import { z } from 'zod';
import { findNearest } from '../config/nearest.ts';
import { GatewayError } from '../contract/errors.ts';

/** Parses a part of a request; throws `invalid_request`, which names the place and what is wrong there. */
export function parsePart<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw refuse(schema, result.error);
}

function refuse(schema: z.ZodType, error: z.ZodError): GatewayError {
  const [issue] = error.issues;
  if (issue === undefined) return new GatewayError('invalid_request');
  if (issue.code === 'unrecognized_keys') return refuseUnknown(schema, issue.path, issue.keys[0] ?? '');
  const path = issue.path.map(String).join('/');
  return new GatewayError('invalid_request', { detail: sayIssue(issue), path: path === '' ? undefined : path });
}

function refuseUnknown(schema: z.ZodType, path: readonly PropertyKey[], key: string): GatewayError {
  // What a client makes up as a name is sent back, so it is kept short.
  const name = key.slice(0, 100);
  const nearest = findNearest(name, knownNames(schema, path));
  const hint = nearest === undefined ? '' : `; did you mean "${nearest}"?`;
  return new GatewayError('invalid_request', {
    detail: `unknown field "${name}"${hint}`,
    path: [...path.map(String), name].join('/'),
  });
}

/** Zod's words without its preface, and without the words that JSON does not have. */
function sayIssue(issue: z.core.$ZodIssue): string {
  const text = issue.message.replace(/^Invalid input: /, '').replace('expected record', 'expected object');
  return text.endsWith(', received undefined') ? 'is required' : text;
}

function knownNames(schema: z.core.$ZodType, path: readonly PropertyKey[]): readonly string[] {
  const bare = unwrap(schema);
  const [first, ...rest] = path;
  if (first === undefined) return bare instanceof z.ZodObject ? Object.keys(bare.shape) : [];
  if (bare instanceof z.ZodArray) return knownNames(bare.element, rest);
  const member = bare instanceof z.ZodObject ? bare.shape[String(first)] : undefined;
  return member === undefined ? [] : knownNames(member, rest);
}

function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  let inner = schema;
  while (
    inner instanceof z.ZodOptional ||
    inner instanceof z.ZodNullable ||
    inner instanceof z.ZodDefault ||
    inner instanceof z.ZodPrefault
  ) {
    inner = inner.unwrap();
  }
  return inner;
}
