import { propertiesOf } from '../../src/config/config-parts.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import { code } from './markdown.ts';

/** What a key takes, in the words of a reader: `whole number, 0 to 65535`. */
export function describeType(schema: JsonObject): string {
  if (Array.isArray(schema.anyOf)) {
    const branches = schema.anyOf
      .filter(isJsonObject)
      .filter((branch) => branch.type !== 'null' && branch.const !== '');
    return [...new Set(branches.map(describeType))].join(', or ');
  }
  if (Array.isArray(schema.enum)) return joinWords(schema.enum.map((value) => code(String(value))));
  if (schema.const !== undefined) return code(String(schema.const));
  if (Array.isArray(schema.type)) {
    const types = schema.type.filter((type) => type !== 'null');
    return types.map((type) => describeType({ ...schema, type })).join(', or ');
  }
  switch (schema.type) {
    case 'string':
      return 'text';
    case 'number':
      return `number${describeRange(schema)}`;
    case 'integer':
      return `whole number${describeRange(schema)}`;
    case 'boolean':
      return 'true or false';
    case 'array':
      return `list of ${pluralOf(isJsonObject(schema.items) ? schema.items : {})}`;
    case 'object':
      return describeObject(schema);
    default:
      return 'any value';
  }
}

/** The default as it stands in the config; what stands in its place where there is none. */
export function describeDefault(schema: JsonObject, isRequired: boolean): string {
  if (isRequired) return 'required';
  const { default: value } = schema;
  if (value === undefined || value === null) return 'none';
  return code(typeof value === 'string' && value !== '' ? value : formatFlow(value));
}

function formatFlow(value: Json): string {
  if (!isJsonObject(value) || Object.keys(value).length === 0) return JSON.stringify(value);
  return `{ ${Object.entries(value)
    .map(([key, member]) => `${key}: ${typeof member === 'string' ? member : JSON.stringify(member)}`)
    .join(', ')} }`;
}

function describeObject(schema: JsonObject): string {
  const { additionalProperties: member } = schema;
  if (Object.keys(propertiesOf(schema)).length > 0 || !isJsonObject(member)) return 'mapping';
  return Object.keys(member).length === 0 ? 'mapping' : `mapping of names to ${pluralOf(member)}`;
}

function pluralOf(item: JsonObject): string {
  const type = describeType(item);
  return ['text', 'number', 'whole number', 'mapping'].includes(type) ? `${type}s` : type;
}

function describeRange({ minimum, exclusiveMinimum, maximum }: JsonObject): string {
  const isWhole = exclusiveMinimum === 0;
  const lower = minimum ?? exclusiveMinimum;
  if (lower === undefined && maximum === undefined) return '';
  if (maximum === undefined) return isWhole ? ' above 0' : `, ${lower} or more`;
  return isWhole ? ` above 0, up to ${maximum}` : `, ${lower} to ${maximum}`;
}

function joinWords(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}
