import { z } from 'zod';
import type { Adapter } from '../contract/adapter/adapter.ts';
import type { Json, JsonObject } from '../contract/domain/json.ts';
import { isJsonObject } from '../json/json-object.ts';
import { mappingSchema, statusRowSchema, statusSchema } from '../mapping/schema.ts';
import { refuseUnknownKeys } from './backends.ts';
import { configSchema } from './config-schema.ts';
import { agentSchema, backendSchema } from './entry-schemas.ts';

/** What an adapter adds to the config: its keys of a backend, and the `target` of an agent. */
export type AdapterParts = {
  readonly name: string;
  /** Whether the adapter takes `push`. */
  readonly push: boolean;
  /** Whether a backend needs a base URL. */
  readonly needsBaseUrl: boolean;
  readonly settings: JsonObject;
  readonly target: JsonObject;
};

/** The described config as plain JSON Schemas (2020-12), one a part: the common source of everything generated. */
export type ConfigParts = {
  /** Every top-level key by name, in the order of the docs; those of `backends` and `agents` describe the list only. */
  readonly sections: Readonly<Record<string, JsonObject>>;
  /** The keys that all backends share. */
  readonly backend: JsonObject;
  readonly agent: JsonObject;
  readonly mapping: JsonObject;
  readonly adapters: readonly AdapterParts[];
};

export function describeParts(adapters: readonly Adapter[]): ConfigParts {
  const sections = Object.entries(configSchema.shape).map(([name, schema]) => {
    const section = convert(schema);
    return [name, name === 'backends' || name === 'agents' ? pick(section, ['description']) : section] as const;
  });
  return {
    sections: Object.fromEntries(sections),
    backend: nameAdapters(convert(backendSchema), adapters),
    agent: convert(agentSchema),
    mapping: describeMapping(),
    adapters: adapters.map(({ name, capabilities, baseUrl, settings, target }) => ({
      name,
      needsBaseUrl: baseUrl === undefined,
      push: capabilities.push,
      settings: convert(refuseUnknownKeys(settings)),
      target: convert(refuseUnknownKeys(target)),
    })),
  };
}

/** The mapping language as a JSON Schema. */
export function describeMapping(): JsonObject {
  return convert(mappingSchema);
}

/** The validator finds the adapter by its name, so its schema takes any text. */
function nameAdapters(backend: JsonObject, adapters: readonly Adapter[]): JsonObject {
  const { adapter, ...others } = propertiesOf(backend);
  const names = adapters.map(({ name }) => name);
  // The name of a file of one's own is any other.
  const known = { ...pick(adapter ?? {}, ['description']), anyOf: [{ enum: names }, pick(adapter ?? {}, ['type'])] };
  return { ...backend, properties: { adapter: known, ...others } };
}

export function pick(schema: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(schema).filter(([key]) => keys.includes(key)));
}

/** The members of an object schema; empty for every other schema. */
export function propertiesOf(schema: JsonObject): Readonly<Record<string, JsonObject>> {
  const { properties } = schema;
  if (!isJsonObject(properties)) return {};
  return Object.fromEntries(
    Object.entries(properties).filter((entry): entry is [string, JsonObject] => isJsonObject(entry[1])),
  );
}

export function requiredOf({ required }: JsonObject): readonly string[] {
  return Array.isArray(required) ? required.filter((key) => typeof key === 'string') : [];
}

function convert(schema: z.ZodType): JsonObject {
  const converted = z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      // Zod leaves the examples of a transformed value out: they might be of its result. Here they are of the text.
      const examples = z.globalRegistry.get(zodSchema)?.examples;
      if (Array.isArray(examples)) jsonSchema.examples = examples;
      // Zod does not see the short form: it is made long before it is parsed.
      if (zodSchema !== statusRowSchema) return;
      const list = { ...jsonSchema };
      for (const key of Object.keys(jsonSchema)) delete jsonSchema[key as keyof typeof jsonSchema];
      jsonSchema.anyOf = [{ type: 'string', enum: [...statusSchema.options] }, list];
    },
  });
  const cleaned = clean(JSON.parse(JSON.stringify(converted)) as Json);
  return isJsonObject(cleaned) ? cleaned : {};
}

/** Takes out what says nothing to a reader: bounds of all integers, and references to "any JSON". */
function clean(node: Json): Json {
  if (Array.isArray(node)) return node.map(clean);
  if (!isJsonObject(node)) return node;
  const entries = Object.entries(node).filter(([key, value]) => {
    if (key === '$schema' || key === '$defs' || key === '~standard') return false;
    // The only recursive schema is z.json().
    if (key === '$ref') return false;
    if (key === 'maximum' || key === 'minimum') return Math.abs(Number(value)) !== Number.MAX_SAFE_INTEGER;
    // A section without members takes the defaults of its members.
    if (key === 'default' && isJsonObject(node.properties))
      return !isJsonObject(value) || Object.keys(value).length > 0;
    if (key === 'propertyNames') return isJsonObject(value) && Object.keys(value).length > 1;
    return true;
  });
  return Object.fromEntries(
    entries.map(([key, value]) => [key, key === 'default' || key === 'examples' ? value : clean(value)]),
  );
}
