import type { Json, JsonObject } from '../../contract/domain/json.ts';
import { isJsonObject } from '../../json/json-object.ts';

/** A form for what a schema describes, and the value that its content is. */
export type Form = { readonly schema: JsonObject; readonly toPayload: (content: JsonObject) => Json };

/** The field of a form for a value that is no object. */
const single = 'value';
const shared = ['title', 'description', 'default'];
const textFormats = ['email', 'uri', 'date', 'date-time'];

/** A form of fields without nesting; null where the schema describes more than that. */
export function flattenForm(schema: JsonObject | undefined): Form | null {
  if (schema === undefined) return null;
  if (schema.type !== 'object') {
    const field = flattenField(schema);
    if (field === null) return null;
    const properties = { [single]: field };
    return {
      schema: { type: 'object', properties, required: [single] },
      toPayload: (content) => content[single] ?? null,
    };
  }
  const { properties = {}, required = [] } = schema;
  if (!isJsonObject(properties) || !Array.isArray(required)) return null;
  const fields = Object.entries(properties).map(([name, member]) => [name, flattenField(member)] as const);
  // A required member without a field could not be filled in.
  const isWhole = fields.length > 0 && required.every((name) => typeof name === 'string' && name in properties);
  if (!isWhole || fields.some(([, field]) => field === null)) return null;
  return {
    schema: { type: 'object', properties: Object.fromEntries(fields) as JsonObject, required },
    toPayload: (content) => content,
  };
}

/** A field with the keywords that forms have; null where it needs others. */
function flattenField(schema: Json | undefined): JsonObject | null {
  if (!isJsonObject(schema)) return null;
  const { type } = schema;
  if (type === 'boolean') return pick(schema, ['type', ...shared]);
  if (type === 'number' || type === 'integer') return pick(schema, ['type', 'minimum', 'maximum', ...shared]);
  if (type === 'array') return flattenChoices(schema);
  const choices = pick(schema, ['type', 'enum', 'enumNames', 'oneOf', ...shared]);
  if (isTexts(schema.enum)) return { ...choices, type: 'string' };
  if (areTitled(schema.oneOf)) return { ...choices, type: 'string' };
  if (type !== 'string' || 'oneOf' in schema || 'anyOf' in schema || 'const' in schema) return null;
  const isKnown = typeof schema.format === 'string' && textFormats.includes(schema.format);
  return pick(schema, ['type', 'minLength', 'maxLength', ...(isKnown ? ['format'] : []), ...shared]);
}

/** Several of a list of texts. */
function flattenChoices(schema: JsonObject): JsonObject | null {
  const { items } = schema;
  if (!isJsonObject(items) || !(isTexts(items.enum) || areTitled(items.anyOf))) return null;
  return {
    ...pick(schema, ['type', 'minItems', 'maxItems', ...shared]),
    items: pick(items, ['type', 'enum', 'anyOf']),
  };
}

function isTexts(value: Json | undefined): boolean {
  return Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === 'string');
}

function areTitled(value: Json | undefined): boolean {
  return Array.isArray(value) && value.length > 0 && value.every(isTitled);
}

function isTitled(value: Json): boolean {
  return isJsonObject(value) && typeof value.const === 'string' && typeof value.title === 'string';
}

function pick(from: JsonObject, names: readonly string[]): JsonObject {
  const kept = names.flatMap((name) => (from[name] === undefined ? [] : [[name, from[name]] as const]));
  return Object.fromEntries(kept) as JsonObject;
}
