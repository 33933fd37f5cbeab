import { Ajv, type AnySchemaObject, type ErrorObject, MissingRefError, type Options, type ValidateFunction } from 'ajv';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ZodType } from 'zod';
import { compilePattern } from '../compute/linear-regexp.ts';
import type { Check, Violation } from '../contract/domain/agent.ts';
import type { Json, JsonObject } from '../contract/domain/json.ts';
import { isJsonObject } from '../json/json-object.ts';
import { type Dialect, type NormalSchema, normalizeSchema } from './dialect.ts';
import { exactKeywords } from './exact-keywords.ts';
import { linearFormats } from './formats.ts';
import { jsonWords, parsePlainly } from './zod-issues.ts';

/** First part of a violation's path: the client's name for the checked value. */
export type CheckRoot = 'input' | 'config' | 'payload';

const options: Options = {
  // Agents bring schemas of many makers: a keyword that we do not know is no reason to refuse them.
  strict: false,
  logger: false,
  // What an object inherits is none of its properties: a required `constructor` must be there.
  ownProperties: true,
  formats: linearFormats,
  code: { regExp: Object.assign((pattern: string) => compilePattern(pattern), { code: 'compilePattern' }) },
};

const makers = { 'draft-07': Ajv, '2019-09': Ajv2019, '2020-12': Ajv2020 } as const;

/** They hold the meta-schemas, which take long to compile; each schema has an instance of its own beside them. */
const judges = new Map<Dialect, Ajv>();

/**
 * Compiles a JSON Schema (2020-12; draft-07 where `$schema` says so) to a check that gives the first violation.
 * Throws `TypeError` for a schema that is none, or that refers to another document.
 */
export function compileCheck(schema: JsonObject, root: CheckRoot): Check {
  const validate = compileSchema(schema);
  return (value) => {
    if (isValid(validate, value)) return null;
    const error = validate.errors?.[0];
    return error === undefined ? { path: root, message: 'is not valid' } : describeError(error, root);
  };
}

/** A schema that leads to itself for the same value would go on for ever. */
function isValid(validate: ValidateFunction, value: Json): boolean {
  try {
    return validate(value);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    validate.errors = [tooDeep];
    return false;
  }
}

const tooDeep: ErrorObject = {
  keyword: '$ref',
  instancePath: '',
  schemaPath: '#',
  params: {},
  message: 'nests too deeply to be checked',
};

/** A check by a zod schema, with violations of the same form. */
export function wrapZodCheck(schema: ZodType<unknown>, root: CheckRoot): Check {
  return (value) => {
    const parsed = parsePlainly(schema, value, jsonWords);
    if (parsed.ok) return null;
    const issue = parsed.issues[0];
    return { path: [root, ...(issue?.path ?? [])].join('/'), message: issue?.message ?? 'is not valid' };
  };
}

/** A check that runs several checks in order and reports the first violation. */
export function joinChecks(...checks: readonly Check[]): Check {
  return (value) => {
    for (const check of checks) {
      const violation = check(value);
      if (violation !== null) return violation;
    }
    return null;
  };
}

/** The same check, which remembers its result for an empty object: most runs have an empty config. */
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
    const normal = normalizeSchema(schema);
    refuseBroken(normal);
    return createAjv(normal.dialect, { meta: false, validateSchema: false }).compile(normal.schema);
  } catch (error) {
    throw new TypeError(`is not a valid JSON Schema: ${sayReason(error)}`, { cause: error });
  }
}

function refuseBroken({ dialect, schema }: NormalSchema): void {
  const judge = judges.get(dialect) ?? createAjv(dialect, {});
  judges.set(dialect, judge);
  if (judge.validateSchema(schema as AnySchemaObject) !== true) throw new TypeError(judge.errorsText());
}

function createAjv(dialect: Dialect, own: Options): Ajv {
  const ajv = new makers[dialect]({ ...options, ...own });
  for (const definition of exactKeywords) {
    ajv.removeKeyword(String(definition.keyword));
    ajv.addKeyword(definition);
  }
  return ajv;
}

function sayReason(error: unknown): string {
  if (error instanceof MissingRefError) {
    return `refers to ${error.missingRef}, which it does not hold; copy what is meant under "$defs" and refer to it there`;
  }
  // Ajv reports one wrong word once for each branch of its meta-schema, and calls the schema "data".
  const reason = error instanceof Error ? error.message : 'it cannot be compiled';
  const [first = reason] = reason.replace(/^schema is invalid: /, '').split(', data/');
  return first.replace(/^data\//, '');
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
      // Ajv writes NOT in capitals.
      return { path: at, message: error.message?.replace('NOT', 'not') ?? 'is not valid' };
  }
}
