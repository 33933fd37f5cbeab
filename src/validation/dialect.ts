import { compilePattern } from '../compute/linear-regexp.ts';
import type { Json, JsonObject } from '../contract/domain/json.ts';
import { isJsonObject } from '../json/json-object.ts';

/** The class of Ajv that reads a schema. */
export type Dialect = 'draft-07' | '2019-09' | '2020-12';

export type NormalSchema = { readonly dialect: Dialect; readonly schema: JsonObject };

/** Where schemas stand in a schema. */
const single = ['additionalItems', 'additionalProperties', 'contains', 'contentSchema', 'else', 'if', 'items', 'not'];
const moreSingle = ['propertyNames', 'then', 'unevaluatedItems', 'unevaluatedProperties'];
const lists = ['allOf', 'anyOf', 'items', 'oneOf', 'prefixItems'];
const maps = ['$defs', 'definitions', 'dependencies', 'dependentSchemas', 'patternProperties', 'properties'];
const singleKeys: ReadonlySet<string> = new Set([...single, ...moreSingle]);
const listKeys: ReadonlySet<string> = new Set(lists);
const mapKeys: ReadonlySet<string> = new Set(maps);

/** Calls back for each schema that stands directly in a schema: below which keyword, and which name or index there. */
export function eachSubschema(
  schema: JsonObject,
  visit: (subschema: Json, keyword: string, name: string) => void,
): void {
  for (const [keyword, value] of Object.entries(schema)) {
    if (Array.isArray(value)) {
      if (!listKeys.has(keyword)) continue;
      for (const [index, item] of value.entries()) visit(item, keyword, String(index));
    } else if (mapKeys.has(keyword) && isJsonObject(value)) {
      for (const [name, item] of Object.entries(value)) if (!Array.isArray(item)) visit(item, keyword, name);
    } else if (singleKeys.has(keyword)) visit(value, keyword, '');
  }
}

/**
 * A copy of a schema that Ajv reads rightly: what drafts before 2019-09 and OpenAPI write another way is written the way
 * of its dialect. Pointers into the schema stay what they are.
 *
 * @throws TypeError naming the place of a regular expression that cannot be used
 */
export function normalizeSchema(schema: JsonObject): NormalSchema {
  const used = new Set<string>();
  const targets = findTargets(schema);
  const isDraft04 = typeof schema.$schema === 'string' && /\/draft-0[34]\//.test(schema.$schema);
  const { $schema: declared, ...root } = normalize(schema, '', { used, isDraft04, targets });
  return { dialect: chooseDialect(declared, used), schema: root };
}

type Walk = {
  readonly used: Set<string>;
  readonly isDraft04: boolean;
  /** Pointers that references of the schema lead to, and all pointers above them. */
  readonly targets: ReadonlyMap<string, 'schema' | 'above'>;
};

/** References may lead to where no schema stands otherwise, such as `#/components/schemas/Pet` of OpenAPI. */
function findTargets(schema: Json): ReadonlyMap<string, 'schema' | 'above'> {
  const targets = new Map<string, 'schema' | 'above'>();
  const walk = (value: Json): void => {
    if (typeof value !== 'object' || value === null) return;
    const reference = isJsonObject(value) ? value.$ref : undefined;
    if (typeof reference === 'string' && reference.startsWith('#/')) {
      const pointer = decode(reference.slice(1));
      for (let end = pointer.lastIndexOf('/'); end > 0; end = pointer.lastIndexOf('/', end - 1)) {
        const above = pointer.slice(0, end);
        if (!targets.has(above)) targets.set(above, 'above');
      }
      targets.set(pointer, 'schema');
    }
    for (const member of Object.values(value)) walk(member as Json);
  };
  walk(schema);
  return targets;
}

function decode(fragment: string): string {
  try {
    return decodeURIComponent(fragment);
  } catch {
    return fragment;
  }
}

/** What stands where no keyword puts schemas: only what references lead to is one. */
function normalizeElsewhere(value: Json, pointer: string, walk: Walk): Json {
  const target = walk.targets.get(pointer);
  if (!isJsonObject(value) || target === undefined) return value;
  if (target === 'schema') return normalize(value, pointer, walk);
  const members = Object.entries(value).map(
    ([name, member]) => [name, normalizeElsewhere(member, `${pointer}/${escapePointer(name)}`, walk)] as const,
  );
  return Object.fromEntries(members);
}

const newKeywords = ['unevaluatedProperties', 'unevaluatedItems', 'dependentRequired', 'dependentSchemas', '$defs'];

function chooseDialect(declared: Json | undefined, used: ReadonlySet<string>): Dialect {
  const name = typeof declared === 'string' ? /\/(draft-0[3467]|draft\/20\d\d-\d\d)\//.exec(declared)?.[1] : undefined;
  if (name === 'draft/2019-09') return '2019-09';
  if (name?.startsWith('draft/') === true) return '2020-12';
  if (name !== undefined) return 'draft-07';
  // Nothing says which draft it is, but what it uses does.
  if (used.has('2019-09')) return '2019-09';
  const isOld = used.has('items[]') || used.has('additionalItems') || used.has('dependencies');
  if (!isOld) return '2020-12';
  // typebox writes old tuples beside new keywords; 2019-09 has both.
  return newKeywords.some((keyword) => used.has(keyword)) ? '2019-09' : 'draft-07';
}

function normalize(schema: JsonObject, pointer: string, walk: Walk): JsonObject {
  const members: [string, Json][] = [];
  for (const [keyword, value] of Object.entries(schema)) {
    walk.used.add(Array.isArray(value) ? `${keyword}[]` : keyword);
    if (keyword === '$ref' && typeof value === 'string' && value.includes('/draft/2019-09/')) walk.used.add('2019-09');
    members.push([keyword, normalizeMember(keyword, value, `${pointer}/${escapePointer(keyword)}`, walk)]);
  }
  return rewriteOldKeywords(new Map(members), walk);
}

function normalizeMember(keyword: string, value: Json, pointer: string, walk: Walk): Json {
  const below = (item: Json, name: string) =>
    isJsonObject(item) ? normalize(item, `${pointer}/${escapePointer(name)}`, walk) : item;
  if (keyword === 'pattern' && typeof value === 'string') checkPattern(value, pointer);
  if (Array.isArray(value)) {
    return listKeys.has(keyword) ? value.map((item, index) => below(item, String(index))) : value;
  }
  if (!isJsonObject(value)) return value;
  if (mapKeys.has(keyword)) {
    if (keyword === 'patternProperties') {
      for (const pattern of Object.keys(value)) checkPattern(pattern, `${pointer}/${escapePointer(pattern)}`);
    }
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, below(item, name)]));
  }
  return singleKeys.has(keyword) ? normalize(value, pointer, walk) : normalizeElsewhere(value, pointer, walk);
}

function rewriteOldKeywords(members: Map<string, Json>, { isDraft04 }: Walk): JsonObject {
  const { id, nullable } = { id: members.get('id'), nullable: members.get('nullable') };
  members.delete('nullable');
  members.delete('id');
  // In later drafts `id` has no meaning, and Ajv takes it for a mistake.
  if (isDraft04 && typeof id === 'string') members.set('$id', id);
  for (const [bound, exclusive] of [
    ['minimum', 'exclusiveMinimum'],
    ['maximum', 'exclusiveMaximum'],
  ] as const) {
    const isExclusive = members.get(exclusive);
    if (typeof isExclusive !== 'boolean') continue;
    const limit = members.get(bound);
    members.delete(exclusive);
    if (!isExclusive || limit === undefined) continue;
    members.delete(bound);
    members.set(exclusive, limit);
  }
  if (nullable === true) allowNull(members);
  moveProto(members);
  return Object.fromEntries(members);
}

/** OpenAPI 3.0's `nullable`: every keyword that would refuse null lets it pass. */
function allowNull(members: Map<string, Json>): void {
  const isNull = { type: 'null' };
  const type = members.get('type');
  if (type !== undefined) members.set('type', [...(Array.isArray(type) ? type : [type]), 'null'].filter(isFirst));
  const values = members.get('enum');
  if (Array.isArray(values) && !values.includes(null)) members.set('enum', [...values, null]);
  const constant = members.get('const');
  if (constant !== undefined && constant !== null) {
    members.delete('const');
    members.set('enum', [constant, null]);
  }
  for (const keyword of ['anyOf', 'oneOf']) {
    const branches = members.get(keyword);
    if (Array.isArray(branches)) members.set(keyword, [...branches, isNull]);
  }
  const all = members.get('allOf');
  if (Array.isArray(all))
    members.set(
      'allOf',
      all.map((part) => ({ anyOf: [part, isNull] })),
    );
  const reference = members.get('$ref');
  if (reference !== undefined && !members.has('anyOf')) {
    members.delete('$ref');
    members.set('anyOf', [{ $ref: reference }, isNull]);
  }
}

/** Ajv overlooks a property `__proto__`, but no pattern of properties. */
function moveProto(members: Map<string, Json>): void {
  const properties = members.get('properties');
  if (!isJsonObject(properties) || !Object.hasOwn(properties, '__proto__')) return;
  const patterns = members.get('patternProperties');
  const own = Object.entries(isJsonObject(patterns) ? patterns : {});
  const proto = Object.getOwnPropertyDescriptor(properties, '__proto__')?.value as Json;
  members.set('patternProperties', Object.fromEntries([...own, ['^__proto__$', proto]]));
}

function isFirst(value: Json, index: number, all: readonly Json[]): boolean {
  return all.indexOf(value) === index;
}

function checkPattern(pattern: string, pointer: string): void {
  try {
    compilePattern(pattern);
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'cannot be used';
    const said = error instanceof SyntaxError ? `is no regular expression: ${reason}` : reason;
    throw new TypeError(`${pointer.slice(1)} ${said}`, { cause: error });
  }
}

export function escapePointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}
