import type { Json, JsonObject } from '../contract/domain/json.ts';
import { isJsonObject } from '../json/json-object.ts';

/** How a text becomes the input of an agent, as the schema of the input tells by itself. */
export type TextPlace = {
  /** The input is the text itself. */
  readonly isWhole: boolean;
  /** The property that the text is put into; undefined where the schema has none, or several of which none stands out. */
  readonly property: string | undefined;
  /** Not every text may stand there, such as where the schema has a `format`: a JSON object never may. */
  readonly isNarrow: boolean;
  /** The input takes `messages`. */
  readonly takesMessages: boolean;
  /** What the schema requires, and neither a text nor messages can give. */
  readonly missing: readonly string[];
};

const known = new WeakMap<JsonObject, TextPlace>();

/** Reads the schema of an agent's input, once. */
export function findTextPlace(schema: JsonObject): TextPlace {
  let place = known.get(schema);
  if (place === undefined) {
    place = readPlace(schema);
    known.set(schema, place);
  }
  return place;
}

function readPlace(root: JsonObject): TextPlace {
  const schema = follow(root, root);
  const properties = isJsonObject(schema.properties) ? schema.properties : {};
  const required = namesIn(schema.required);
  const texts = Object.keys(properties).filter((name) => isFreeText(properties[name], root));
  const requiredTexts = texts.filter((name) => required.includes(name));
  const candidates = requiredTexts.length === 0 ? texts : requiredTexts;
  const property = candidates.length === 1 ? candidates[0] : undefined;
  const takesMessages = properties.messages !== undefined && !texts.includes('messages');
  const missing = required.filter(
    (name) => name !== property && !(takesMessages && name === 'messages') && !hasDefault(properties[name]),
  );
  const isNarrow = property !== undefined && isNarrowed(properties[property], root);
  return { isWhole: typesOf(schema).includes('string'), property, isNarrow, takesMessages, missing };
}

/** Any text may stand there: a text that must be one of a few is chosen, not said. */
function isFreeText(schema: Json | undefined, root: JsonObject): boolean {
  if (!isJsonObject(schema)) return false;
  const own = follow(schema, root);
  if (own.enum !== undefined || own.const !== undefined) return false;
  if (typesOf(own).includes('string')) return true;
  // As an optional text of Pydantic is written.
  const choices = [own.anyOf, own.oneOf].flatMap((each) => (Array.isArray(each) ? each : []));
  return choices.some((each) => isJsonObject(each) && each.enum === undefined && typesOf(each).includes('string'));
}

function isNarrowed(schema: Json | undefined, root: JsonObject): boolean {
  const { format, pattern } = isJsonObject(schema) ? follow(schema, root) : {};
  return format !== undefined || pattern !== undefined;
}

/** What a reference within the document leads to, one step deep as the generators of schemas write it. */
function follow(schema: JsonObject, root: JsonObject): JsonObject {
  const { $ref: reference } = schema;
  if (typeof reference !== 'string' || !reference.startsWith('#/')) return schema;
  let found: Json | undefined = root;
  for (const name of reference.slice(2).split('/')) {
    const key = name.replaceAll('~1', '/').replaceAll('~0', '~');
    found = isJsonObject(found) && Object.hasOwn(found, key) ? found[key] : undefined;
  }
  return isJsonObject(found) ? found : schema;
}

function typesOf({ type }: JsonObject): readonly string[] {
  return typeof type === 'string' ? [type] : namesIn(type);
}

function namesIn(value: Json | undefined): readonly string[] {
  return Array.isArray(value) ? value.filter((name) => typeof name === 'string') : [];
}

function hasDefault(schema: Json | undefined): boolean {
  return isJsonObject(schema) && schema.default !== undefined;
}
