import { Ajv, type AnySchemaObject, type ErrorObject, MissingRefError, type Options, type ValidateFunction } from 'ajv';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { Ajv2020 } from 'ajv/dist/2020.js';
import draft06 from 'ajv/dist/refs/json-schema-draft-06.json' with { type: 'json' };
import draft07 from 'ajv/dist/refs/json-schema-draft-07.json' with { type: 'json' };
import { findNearest } from '../collections/nearest-word.ts';
import { compilePattern } from '../compute/linear-regexp.ts';
import type { Violation } from '../contract/domain/agent.ts';
import type { Json, JsonObject } from '../contract/domain/json.ts';
import { isJsonObject } from '../json/json-object.ts';
import { type Dialect, type NormalSchema, normalizeSchema } from './dialect.ts';
import { exactKeywords, findDuplicate } from './exact-keywords.ts';
import { linearFormats } from './formats.ts';
import { isPlainSchema } from './plain-schema.ts';

/** First part of a violation's path: the client's name for the checked value. */
export type CheckRoot = 'input' | 'config' | 'payload';

const options: Options = {
  // Agents bring schemas of many makers: a keyword that we do not know is no reason to refuse them.
  strict: false,
  logger: false,
  // What an object inherits is none of its properties: a required `constructor` must be there.
  ownProperties: true,
  formats: linearFormats,
  code: { regExp: Object.assign(namePattern, { code: 'namePattern' }) },
};

/** Ajv takes two patterns of a schema for one where their texts are the same. */
function namePattern(pattern: string): { readonly test: (text: string) => boolean; toString(): string } {
  return { test: compilePattern(pattern).test, toString: () => `/${pattern}/` };
}

const makers = { 'draft-07': Ajv, '2019-09': Ajv2019, '2020-12': Ajv2020 } as const;

/** They hold the meta-schemas, which take long to compile; each schema has an instance of its own beside them. */
const judges = new Map<Dialect, Ajv>();

export type CheckDefinition = { readonly schema: JsonObject; readonly root: CheckRoot };

export type SchemaCheck = {
  /** The first violation. Takes as long as it takes. */
  readonly check: (value: Json) => Violation | null;
  /** The schema as it was compiled, in the words of its dialect. */
  readonly normalized: JsonObject;
};

/**
 * Compiles a JSON Schema of draft-04 to 2020-12, or as OpenAPI 3.0 writes it. Throws `TypeError` for what is not a schema,
 * for what refers to another document, and for a regular expression that no engine carries out in linear time.
 */
export function createSchemaCheck({ schema, root }: CheckDefinition): SchemaCheck {
  const { validate, normalized } = compileSchema(schema);
  const check = (value: Json): Violation | null => {
    if (isValid(validate, value)) return null;
    const error = validate.errors?.[0];
    return error === undefined ? { path: root, message: 'is not valid' } : describeError(error, root, value);
  };
  return { check, normalized };
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

function compileSchema(schema: JsonObject): { validate: ValidateFunction; normalized: JsonObject } {
  try {
    const normal = normalizeSchema(schema);
    refuseBroken(normal);
    return { validate: compileNormal(normal), normalized: normal.schema };
  } catch (error) {
    throw new TypeError(`is not a valid JSON Schema: ${sayReason(error)}`, { cause: error });
  }
}

function compileNormal({ dialect, schema }: NormalSchema): ValidateFunction {
  if (!metaSchemaName.test(JSON.stringify(schema))) {
    return createAjv(dialect, { meta: false, validateSchema: false }).compile(schema);
  }
  // Inputs that are schemas themselves: the meta-schemas are the only other documents that are known.
  const ajv = createAjv(dialect, { validateSchema: false });
  for (const older of [draft06, draft07]) if (ajv.getSchema(older.$id) === undefined) ajv.addMetaSchema(older);
  const own = typeof schema.$id === 'string' ? ajv.getSchema(schema.$id) : undefined;
  return (own as ValidateFunction | undefined) ?? ajv.compile(schema);
}

const metaSchemaName = /"https?:\/\/json-schema\.org\/draft/;

function refuseBroken({ dialect, schema }: NormalSchema): void {
  if (isPlainSchema(schema)) return;
  const judge = judges.get(dialect) ?? createAjv(dialect, {});
  judges.set(dialect, judge);
  if (judge.validateSchema(schema as AnySchemaObject) === true) return;
  const [first] = judge.errors ?? [];
  throw new TypeError(first === undefined ? 'it cannot be compiled' : sayBroken(first, schema));
}

/** The place in the schema, what is wrong there, and the nearest word that would be right. */
function sayBroken({ instancePath, message, keyword, params }: ErrorObject, schema: JsonObject): string {
  const place = instancePath === '' ? 'it' : instancePath.slice(1);
  const given = valueAt(schema, instancePath);
  const allowed: unknown = params.allowedValues;
  if (keyword !== 'enum' || !Array.isArray(allowed)) return `${place} ${message}`;
  const nearest = typeof given === 'string' ? findNearest(given, allowed.map(String)) : undefined;
  const hint = nearest === undefined ? '' : `; did you mean "${nearest}"?`;
  const quoted =
    typeof given === 'string' && given.length <= 100 ? `${JSON.stringify(given)} is none of` : 'must be one of';
  return `${place} ${quoted} ${allowed.join(', ')}${hint}`;
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

function describeError(error: ErrorObject, root: CheckRoot, value: Json): Violation {
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
    case 'uniqueItems': {
      const [first, second] = findDuplicate(arrayAt(value, error.instancePath)) ?? [];
      return { path: at, message: `${error.message} (items ## ${first} and ${second} are identical)` };
    }
    default:
      // Ajv writes NOT in capitals.
      return { path: at, message: error.message?.replace('NOT', 'not') ?? 'is not valid' };
  }
}

function arrayAt(value: Json, pointer: string): readonly Json[] {
  const found = valueAt(value, pointer);
  return Array.isArray(found) ? found : [];
}

function valueAt(value: Json, pointer: string): Json | undefined {
  let found: Json | undefined = value;
  for (const part of pointer.split('/').slice(1)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    found = typeof found === 'object' && found !== null ? (found as Readonly<Record<string, Json>>)[name] : undefined;
  }
  return found;
}
