import { Ajv, type ErrorObject, type Options, type ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import type { ZodType } from 'zod';
import type { Check, Violation } from '../contract/domain/agent.ts';
import type { JsonObject } from '../contract/domain/json.ts';
import { isJsonObject } from '../json/json-object.ts';
import { jsonWords, parsePlainly } from './zod-issues.ts';

/** What a violation's path starts with: what the checked value is to the client. */
export type CheckRoot = 'input' | 'config' | 'payload' | 'output';

const options: Options = {
  // Agents bring schemas of many makers: a keyword that we do not know is no reason to refuse them.
  strict: false,
  logger: false,
  // Two agents may use the same $id.
  addUsedSchema: false,
};

let draft2020: Ajv | undefined;
let draft07: Ajv | undefined;

/**
 * Compiles a JSON Schema (2020-12; draft-07 where `$schema` says so) to a check that gives the first violation.
 * Throws `TypeError` for a schema that is none, or that refers to another document.
 */
export function compileCheck(schema: JsonObject, root: CheckRoot): Check {
  const validate = compileSchema(schema);
  return (value) => {
    if (validate(value)) return null;
    const error = validate.errors?.[0];
    return error === undefined ? { path: root, message: 'is not valid' } : describeError(error, root);
  };
}

/** A check by a zod schema, with violations of the same form. */
export function wrapZodCheck(schema: ZodType<unknown>, root: CheckRoot): Check {
  return (value) => {
    const parsed = parsePlainly(schema, value, jsonWords);
    if (parsed.ok) return null;
    const issue = parsed.issues[0];
    return { path: [root, ...(issue?.path ?? [])].join('/'), message: issue?.message ?? 'is not valid' };
  };
}

/** The first violation that one of the checks finds. */
export function joinChecks(...checks: readonly Check[]): Check {
  return (value) => {
    for (const check of checks) {
      const violation = check(value);
      if (violation !== null) return violation;
    }
    return null;
  };
}

/** The same check; what it says of an empty object, which most runs bring as their config, is found out once. */
export function rememberEmpty(check: Check): Check {
  let ofEmpty: Violation | null | undefined;
  return (value) => {
    if (!isJsonObject(value) || Object.keys(value).length > 0) return check(value);
    if (ofEmpty === undefined) ofEmpty = check(value);
    return ofEmpty;
  };
}

function compileSchema(schema: JsonObject): ValidateFunction {
  try {
    return chooseAjv(schema).compile(schema);
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'it cannot be compiled';
    throw new TypeError(`is not a valid JSON Schema: ${sayFirst(reason)}`, { cause: error });
  }
}

/** Of one wrong word, Ajv tells every branch of its meta-schema that did not like it; and it calls a schema "data". */
function sayFirst(reason: string): string {
  const [first = reason] = reason.replace(/^schema is invalid: /, '').split(', data/');
  return first.replace(/^data\//, '');
}

function chooseAjv(schema: JsonObject): Ajv {
  // One instance for all schemas: a new one compiles its whole meta-schema first.
  if (typeof schema.$schema === 'string' && schema.$schema.includes('/draft-07/')) {
    draft07 ??= addFormats.default(new Ajv(options));
    return draft07;
  }
  draft2020 ??= addFormats.default(new Ajv2020(options));
  return draft2020;
}

function describeError(error: ErrorObject, root: CheckRoot): Violation {
  const at = `${root}${error.instancePath}`;
  const params: unknown = error.params;
  const named = (key: string): string | undefined => {
    const value = isJsonObject(params) ? params[key] : undefined;
    return typeof value === 'string' ? `${at}/${value.replaceAll('~', '~0').replaceAll('/', '~1')}` : undefined;
  };
  switch (error.keyword) {
    case 'required':
    case 'dependentRequired':
      return { path: named('missingProperty') ?? at, message: 'is required' };
    case 'additionalProperties':
      return { path: named('additionalProperty') ?? at, message: 'is not a known property' };
    case 'unevaluatedProperties':
      return { path: named('unevaluatedProperty') ?? at, message: 'is not a known property' };
    case 'enum': {
      const allowed = isJsonObject(params) ? params.allowedValues : undefined;
      const list = Array.isArray(allowed) ? `: ${allowed.map((value) => JSON.stringify(value)).join(', ')}` : '';
      return { path: at, message: `must be one of the allowed values${list}` };
    }
    default:
      // Ajv shouts.
      return { path: at, message: error.message?.replace('NOT', 'not') ?? 'is not valid' };
  }
}
