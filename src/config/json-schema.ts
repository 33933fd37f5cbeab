// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the schema describes placeholders
import type { Json, JsonObject } from '../contract/domain/json.ts';
import { isJsonObject } from '../json/json-object.ts';
import { type AdapterParts, type ConfigParts, pick, propertiesOf, requiredOf } from './config-parts.ts';

/**
 * The JSON Schema (2020-12) of a config, for editors. The keys of a backend follow its `adapter`; every value outside
 * `schemas` and an inline `mapping` may also be a text with `${…}`. Keywords are those that editors of every draft know.
 */
export function composeJsonSchema(parts: ConfigParts): JsonObject {
  const sections = Object.entries(parts.sections).map(([name, section]): [string, Json] => {
    if (name === 'backends') return [name, { ...section, ...composeBackends(parts) }];
    if (name === 'agents') return [name, { ...section, type: 'array', minItems: 1, items: { $ref: '#/$defs/agent' } }];
    const wide = allowPlaceholders(section);
    // An empty section, as in `limits:`, is null in YAML.
    return [name, allowExtensions(wide.type === 'object' ? { ...wide, type: ['object', 'null'] } : wide)];
  });
  const backends = parts.adapters.map(
    (adapter) => [`backend-${adapter.name}`, allowExtensions(composeBackend(parts, adapter))] as const,
  );
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'rungate config',
    type: 'object',
    properties: Object.fromEntries(sections),
    required: ['backends', 'agents'],
    patternProperties: { '^x-': {} },
    additionalProperties: false,
    ...refuseOtherAdapters(parts),
    $defs: {
      placeholder: {
        type: 'string',
        pattern: '\\$\\{',
        description: '${NAME}, ${NAME:-default} or ${FILE:path}, alone or inside a text.',
      },
      'whole-placeholder': {
        type: 'string',
        pattern: '^\\$\\{[^}]*\\}$',
        description: 'A ${NAME}, ${NAME:-default} or ${FILE:path} that gives a number, true or false.',
      },
      ...Object.fromEntries(backends),
      agent: allowExtensions(composeAgent(parts)),
      mapping: { ...parts.mapping, patternProperties: { '^x-': {} } },
    },
  };
}

/** Where a config has no vendor files of its own, every adapter is one that ships. */
function refuseOtherAdapters(parts: ConfigParts): JsonObject {
  const { adapters, backend } = parts;
  const known = { enum: adapters.map(({ name }) => name) };
  const { description = '' } = propertiesOf(backend).adapter ?? {};
  const adapter = { description, anyOf: [known, { $ref: '#/$defs/placeholder' }] };
  const { description: about = '' } = parts.sections.backends ?? {};
  const entry = { type: 'object', properties: { adapter } };
  const backends = { description: about, type: 'object', additionalProperties: entry };
  return {
    if: { type: 'object', properties: { vendors: { type: 'array', maxItems: 0 } } },
    // biome-ignore lint/suspicious/noThenProperty: it is a keyword of JSON Schema
    then: { properties: { backends } },
  };
}

function composeBackends({ adapters, backend }: ConfigParts): JsonObject {
  const names = adapters.map(({ name }) => name);
  const { adapter = {} } = propertiesOf(allowPlaceholders(backend));
  return {
    type: 'object',
    minProperties: 1,
    ...pick(propertiesOf(backend).credentialsByTenant ?? {}, ['propertyNames']),
    additionalProperties: {
      type: 'object',
      required: ['adapter'],
      properties: { adapter },
      allOf: names.map((name) => ({
        if: { required: ['adapter'], properties: { adapter: { const: name } } },
        // biome-ignore lint/suspicious/noThenProperty: it is a keyword of JSON Schema
        then: { $ref: `#/$defs/backend-${name}` },
      })),
    },
  };
}

/** Shared keys and the keys of one adapter; what a tenant brings need not stand among the backend's own keys. */
function composeBackend({ backend }: ConfigParts, { name, push, needsBaseUrl, settings }: AdapterParts): JsonObject {
  const shared = propertiesOf(allowPlaceholders(backend));
  const own = allowPlaceholders(settings);
  const properties: Record<string, Json> = {
    ...shared,
    adapter: { ...pick(shared.adapter ?? {}, ['description']), const: name },
    ...propertiesOf(own),
  };
  if (!push) delete properties.push;
  properties.credentialsByTenant = {
    ...pick(shared.credentialsByTenant ?? {}, ['type', 'description', 'propertyNames']),
    minProperties: 1,
    additionalProperties: { ...own, required: [] },
  };
  return {
    type: 'object',
    properties,
    required: [...requiredOf(backend), ...(needsBaseUrl ? ['baseUrl'] : [])],
    additionalProperties: own.type === 'object' ? (own.additionalProperties ?? true) : true,
    if: { not: { required: ['credentialsByTenant'] } },
    // biome-ignore lint/suspicious/noThenProperty: it is a keyword of JSON Schema
    then: { required: requiredOf(own) },
  };
}

function composeAgent({ agent, adapters }: ConfigParts): JsonObject {
  const { target = {}, mapping = {}, schemas = {}, ...rest } = propertiesOf(agent);
  const wide = propertiesOf(allowPlaceholders({ properties: rest }));
  const targets = adapters.map((adapter) => ({
    title: `target at ${adapter.name}`,
    ...allowPlaceholders(adapter.target),
  }));
  const order = Object.keys(propertiesOf(agent));
  const members: Readonly<Record<string, JsonObject>> = {
    ...wide,
    target: { ...pick(target, ['description']), anyOf: targets },
    schemas,
    mapping: { ...pick(mapping, ['description']), anyOf: [{ $ref: '#/$defs/mapping' }, { type: ['string', 'null'] }] },
  };
  return { ...agent, properties: Object.fromEntries(order.map((key) => [key, members[key] ?? {}])) };
}

/** The same schema, in which every mapping that is closed may also have keys under `x-`. */
function allowExtensions(schema: JsonObject): JsonObject;
function allowExtensions(schema: Json): Json;
function allowExtensions(schema: Json): Json {
  if (Array.isArray(schema)) return schema.map((item) => allowExtensions(item));
  if (!isJsonObject(schema)) return schema;
  const inner = Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [
      key,
      key === 'default' || key === 'examples' ? value : allowExtensions(value),
    ]),
  );
  return schema.additionalProperties === false ? { ...inner, patternProperties: { '^x-': {} } } : inner;
}

const annotations: readonly string[] = ['description', 'title', 'default', 'examples'];

/** The same schema, in which every scalar may also be a text with a placeholder. */
function allowPlaceholders(schema: JsonObject): JsonObject {
  const inner = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, allowIn(key, value)]));
  const alternative = placeholderFor(schema);
  if (alternative === null) return inner;
  const rest = Object.keys(inner).filter((key) => !annotations.includes(key));
  return { ...pick(inner, annotations), anyOf: [pick(inner, rest), { $ref: `#/$defs/${alternative}` }] };
}

function allowIn(key: string, value: Json): Json {
  switch (key) {
    case 'properties':
      return isJsonObject(value)
        ? Object.fromEntries(Object.entries(value).map(([name, member]) => [name, allowInSchema(member)]))
        : value;
    case 'items':
    case 'additionalProperties':
      return allowInSchema(value);
    case 'anyOf':
      return Array.isArray(value) ? joinBranches(value.map(allowInSchema)) : value;
    default:
      return value;
  }
}

/** Takes branches that are alternatives themselves apart, so that the placeholder stands among them once. */
function joinBranches(branches: readonly Json[]): Json {
  const flat = branches.flatMap((branch) =>
    isJsonObject(branch) && Array.isArray(branch.anyOf) && Object.keys(branch).length === 1 ? branch.anyOf : [branch],
  );
  const texts = new Set(flat.map((branch) => JSON.stringify(branch)));
  return [...texts].map((text) => JSON.parse(text) as Json);
}

function allowInSchema(value: Json): Json {
  return isJsonObject(value) ? allowPlaceholders(value) : value;
}

function placeholderFor(schema: JsonObject): 'placeholder' | 'whole-placeholder' | null {
  const types = Array.isArray(schema.type) ? schema.type.filter((type) => type !== 'null') : [schema.type];
  switch (types.length === 1 ? types[0] : undefined) {
    case 'number':
    case 'integer':
    case 'boolean':
      return 'whole-placeholder';
    case 'string': {
      // A text without bounds takes a placeholder anyway.
      const bounds = Object.keys(schema).filter((key) => key !== 'type' && !annotations.includes(key));
      return bounds.length === 0 ? null : 'placeholder';
    }
    default:
      return schema.enum === undefined ? null : 'placeholder';
  }
}
