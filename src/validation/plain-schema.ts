import type { Json, JsonObject } from '../contract/domain/json.ts';
import { isJsonObject } from '../json/json-object.ts';

const types: ReadonlySet<Json> = new Set(['array', 'boolean', 'integer', 'null', 'number', 'object', 'string']);

const isText = (value: Json): boolean => typeof value === 'string';
const isFlag = (value: Json): boolean => typeof value === 'boolean';
const isNumber = (value: Json): boolean => Number.isFinite(value);
const isCount = (value: Json): boolean => Number.isSafeInteger(value) && Number(value) >= 0;
const isAnything = (): boolean => true;

/** What the meta-schemas of all drafts ask of a keyword, and no less. */
const annotations: Readonly<Record<string, (value: Json) => boolean>> = {
  title: isText,
  description: isText,
  $comment: isText,
  default: isAnything,
  examples: Array.isArray,
  deprecated: isFlag,
  readOnly: isFlag,
  writeOnly: isFlag,
};

const keywords: Readonly<Record<string, (value: Json) => boolean>> = {
  ...annotations,
  type: (value) => types.has(value),
  enum: (value) =>
    Array.isArray(value) && value.length > 0 && value.every(isText) && new Set(value).size === value.length,
  const: isAnything,
  format: isText,
  minimum: isNumber,
  maximum: isNumber,
  exclusiveMinimum: isNumber,
  exclusiveMaximum: isNumber,
  multipleOf: (value) => typeof value === 'number' && value > 0 && isNumber(value),
  minLength: isCount,
  maxLength: isCount,
  minItems: isCount,
  maxItems: isCount,
  minProperties: isCount,
  maxProperties: isCount,
  uniqueItems: isFlag,
  required: (value) => Array.isArray(value) && value.every(isText) && new Set(value).size === value.length,
  properties: (value) => isJsonObject(value) && Object.values(value).every(isSubschema),
  additionalProperties: isSubschema,
  items: isSubschema,
};

/**
 * Whether a normalized schema has nothing but widespread keywords with values that every meta-schema takes. Most agents have
 * such schemas, and compiling a meta-schema takes longer than all else that a schema needs. False says nothing.
 */
export function isPlainSchema(schema: JsonObject): boolean {
  return hasOnly(schema, keywords);
}

/** Whether a schema takes every value: it has no keywords, or only such as describe. */
export function takesEverything(schema: JsonObject): boolean {
  return hasOnly(schema, annotations);
}

function isSubschema(value: Json): boolean {
  return typeof value === 'boolean' || (isJsonObject(value) && isPlainSchema(value));
}

function hasOnly(schema: JsonObject, known: Readonly<Record<string, (value: Json) => boolean>>): boolean {
  return Object.entries(schema).every(
    ([keyword, value]) => Object.hasOwn(known, keyword) && known[keyword]?.(value) === true,
  );
}
