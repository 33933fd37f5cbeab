import fc, { type Arbitrary } from 'fast-check';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { isJsonObject } from '../../src/json/json-object.ts';

/** Strings that a test wants to see often under a member's name, such as ids that are there. */
export type Favourites = Readonly<Record<string, readonly string[]>>;

type Context = { readonly definitions: JsonObject; readonly favourites: Favourites };

/** Values that meet a JSON Schema, as far as the schemas of our own requests go. */
export function arbitraryOf(schema: Json, context: Context, name = ''): Arbitrary<Json> {
  if (!isJsonObject(schema)) throw new Error(`no schema: ${JSON.stringify(schema)}`);
  if (typeof schema.$ref === 'string') {
    const target = context.definitions[schema.$ref.replace('#/components/schemas/', '')] ?? null;
    return arbitraryOf(target, context, name);
  }
  if (Array.isArray(schema.enum)) return fc.constantFrom(...(schema.enum as readonly Json[]));
  if (schema.const !== undefined) return fc.constant(schema.const);
  const branches = schema.anyOf ?? schema.oneOf;
  if (Array.isArray(branches)) return fc.oneof(...branches.map((each: Json) => arbitraryOf(each, context, name)));
  if (Array.isArray(schema.type)) {
    return fc.oneof(...schema.type.map((type: Json) => arbitraryOf({ ...schema, type }, context, name)));
  }
  switch (schema.type) {
    case undefined:
      return anyJson;
    case 'object':
      return objectOf(schema, context);
    case 'array':
      return fc.array(schema.items === undefined ? anyJson : arbitraryOf(schema.items, context, name), {
        maxLength: 3,
      });
    case 'string':
      return stringOf(schema, context.favourites[name] ?? []);
    case 'integer':
      return fc.integer({ min: atLeast(schema.minimum, -(2 ** 31)), max: atMost(schema.maximum, 2 ** 31 - 1) });
    case 'number':
      return fc.double({ noNaN: true, noDefaultInfinity: true });
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    default:
      throw new Error(`cannot generate ${JSON.stringify(schema)}`);
  }
}

/** JSON as a body can carry it: `__proto__` is refused as a key wherever it stands, and is not what is tested here. */
const anyJson: Arbitrary<Json> = fc
  .jsonValue({ maxDepth: 2 })
  .map((value) => JSON.parse(JSON.stringify(value).replaceAll('__proto__', 'proto')) as Json);

function objectOf({ properties, required }: JsonObject, context: Context): Arbitrary<Json> {
  if (!isJsonObject(properties)) {
    return fc.dictionary(fc.stringMatching(/^[a-z]{1,4}$/), anyJson, { maxKeys: 3, noNullPrototype: true });
  }
  const members = Object.entries(properties).map(
    ([name, schema]) => [name, arbitraryOf(schema, context, name)] as const,
  );
  const requiredKeys = Array.isArray(required) ? (required as readonly string[]) : [];
  return fc.record(Object.fromEntries(members), { requiredKeys: [...requiredKeys], noNullPrototype: true });
}

function stringOf({ format, maxLength, pattern }: JsonObject, favourites: readonly string[]): Arbitrary<Json> {
  const often = favourites.length === 0 ? [] : [{ weight: 3, arbitrary: fc.constantFrom(...favourites) }];
  if (format === 'uuid') return fc.oneof(...often, { weight: 1, arbitrary: fc.uuid() });
  if (format === 'uri') return fc.webUrl();
  const length = { minLength: 1, maxLength: Math.min(20, atMost(maxLength, 20)) };
  const arbitrary =
    typeof pattern === 'string'
      ? fc.stringMatching(new RegExp(pattern, 'u')).filter((text) => text.length <= atMost(maxLength, Infinity))
      : fc.string(length);
  return fc.oneof(...often, { weight: 1, arbitrary });
}

function atLeast(bound: Json | undefined, least: number): number {
  return typeof bound === 'number' ? Math.max(bound, least) : least;
}

function atMost(bound: Json | undefined, max: number): number {
  return typeof bound === 'number' ? Math.min(bound, max) : max;
}

/** The same value with something about it that its schema may not like. */
export function broken(value: Arbitrary<Json>): Arbitrary<Json> {
  const misspelt = fc.tuple(value, fc.stringMatching(/^[a-z_]{3,12}$/), anyJson);
  const replaced = fc.tuple(value, fc.nat(), anyJson);
  return fc.oneof(
    misspelt.map(([whole, name, more]) => (isJsonObject(whole) ? { ...whole, [name]: more } : more)),
    replaced.map(([whole, at, other]) => {
      const names = isJsonObject(whole) ? Object.keys(whole) : [];
      const name = names[at % Math.max(1, names.length)];
      return isJsonObject(whole) && name !== undefined ? { ...whole, [name]: other } : other;
    }),
    anyJson,
  );
}
