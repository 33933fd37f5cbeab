import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { fullFormats } from 'ajv-formats/dist/formats.js';
import { describe, expect, test } from 'vitest';
import { parse as parseYaml, stringify } from 'yaml';
import { adapters } from '../../adapters/index.ts';
import { generateFiles, root } from '../../schema/generate/files.ts';
import { ConfigError } from '../../src/config/config-error.ts';
import { parseConfig } from '../../src/config/load.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { sampleConfig } from '../../src/sandbox/sample-config.ts';
import { authority, clientMaterial } from '../upstream/tls-material.ts';
import { findOffKeys, uncomment } from './uncomment.ts';

const schema = JSON.parse(generateFiles()['schema/config.json'] ?? '') as JsonObject;
/** JSON Schema leaves it to `contentEncoding`; editors pass over what they do not know. */
const base64 = /^[A-Za-z0-9+/]*={0,2}$/;
const options = { allErrors: false, strict: true, strictRequired: false, allowUnionTypes: true };
const validate = new Ajv2020({ ...options, formats: { ...fullFormats, base64 } }).compile(schema);
const file = join(root, 'rungate.example.yaml');
const text = readFileSync(file, 'utf8');
const whole = uncomment(text, findOffKeys(text));
const variables = [...whole.matchAll(/\$\{(\w+)/g)].map((match) => match[1] ?? '');
const env = {
  ...Object.fromEntries(variables.map((name) => [name, `value-of-${name}`])),
  RUNGATE_HOST: '127.0.0.1',
  RUNGATE_PORT: '8080',
  RUNGATE_STORE_URL: 'sqlite:./x.db',
  RESTACK_URL: 'http://127.0.0.1:9',
  RUNGATE_KEY_SHA256: 'a'.repeat(64),
  TEMPORAL_TLS_SERVER_CA_CERT_DATA: authority,
  TEMPORAL_TLS_CLIENT_CERT_DATA: clientMaterial.cert,
  TEMPORAL_TLS_CLIENT_KEY_DATA: clientMaterial.key,
  RESTACK_SENSITIVE_KEY: Buffer.alloc(32, 7).toString('base64'),
  RUNGATE_WEBHOOK_SECRET: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
};

async function isTaken(value: Json): Promise<boolean> {
  try {
    await parseConfig(stringify(value), { file, env, registry: adapters });
    return true;
  } catch (error) {
    if (error instanceof ConfigError) return false;
    throw error;
  }
}

type Place = readonly (string | number)[];

function placesOf(value: Json, path: Place = []): readonly (readonly [Place, Json])[] {
  const inner = Array.isArray(value)
    ? value.flatMap((item, index) => placesOf(item, [...path, index]))
    : typeof value === 'object' && value !== null
      ? Object.entries(value).flatMap(([key, member]) => placesOf(member, [...path, key]))
      : [];
  return [[path, value], ...inner];
}

function replaceAt(value: Json, [part, ...rest]: Place, change: (value: Json) => Json): Json {
  if (part === undefined) return change(value);
  if (Array.isArray(value)) return value.map((item, index) => (index === part ? replaceAt(item, rest, change) : item));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, key === part ? replaceAt(member, rest, change) : member]),
  );
}

const example = parseYaml(whole) as Json;
const places = placesOf(example);
/** JSON Schemas and JSONata are languages of their own, which the JSON Schema of the config does not describe. */
const isForeign = (path: Place) => {
  const at = path.findIndex((part) => typeof part === 'string' && /^(input|output|config|.*_payload)$/.test(part));
  return path[2] === 'schemas' && at > 0 && path.length > at + 1;
};

type Narrowed = { readonly config: Json; readonly path: Place };
const narrowings = new Map<Json, Map<string, Promise<JsonObject>>>();

/**
 * The part of a config that a place of it needs: one backend or one agent of many, without what names others. Reading takes the longer
 * the more a config has, and each place is a config to read. The part is taken by itself; where it would not be, it is the whole.
 */
async function narrow(config: Json, path: Place): Promise<Narrowed> {
  const [section = '', member = ''] = path;
  const isListed = section === 'agents' || section === 'backends';
  const key = isListed ? JSON.stringify([section, member]) : '';
  const whole = config as JsonObject;
  const parts = narrowings.get(config) ?? new Map<string, Promise<JsonObject>>();
  narrowings.set(config, parts);
  const part = parts.get(key) ?? pickPart(whole, isListed ? [section, member] : []);
  parts.set(key, part);
  const found = await part;
  const { agents } = found as { readonly agents: readonly Json[] };
  const isAlone = section === 'agents' && agents.length === 1;
  return { config: found, path: isAlone ? [section, 0, ...path.slice(2)] : path };
}

async function pickPart(config: JsonObject, [section, member]: Place): Promise<JsonObject> {
  const { agents, backends, auth, schedules, caps, defaultAgent, ...others } = config as {
    readonly agents: readonly Json[];
    readonly backends: JsonObject;
  } & JsonObject;
  const names = (holder: Json, name: string | number) => JSON.stringify(holder).includes(JSON.stringify(name));
  const general = { auth, schedules, caps, defaultAgent } as JsonObject;
  const nameOf = (agent: Json) => String((agent as JsonObject).name);
  const kept =
    section === undefined
      ? agents.filter((agent) => names(general, nameOf(agent)))
      : agents.filter((agent, index) => (section === 'agents' ? index === member : names(agent, member ?? '')));
  const used = kept.length === 0 ? agents.slice(0, 1) : kept;
  const isUsed = ([name]: [string, Json]) => name === member || names([...used], name);
  const rest = section === undefined ? general : {};
  const part: JsonObject = {
    ...others,
    ...rest,
    backends: Object.fromEntries(Object.entries(backends).filter(isUsed)),
    agents: [...used],
  };
  return (await isTaken(part)) ? part : config;
}

describe('schema/config.json', () => {
  test.each([
    ['the example', text],
    ['the example with every key', whole],
    [
      'the config of npm start',
      sampleConfig({
        intunedUrl: 'http://127.0.0.1:1',
        restackUrl: 'http://127.0.0.1:2',
        vendorsUrl: 'http://127.0.0.1:3',
      }),
    ],
    ['a config with empty sections', `${text.replace(/^(server|store):\n(?: .*\n)+/gm, '$1:\n')}`],
  ])('the schema accepts %s', async (_name, yaml) => {
    expect(validate(parseYaml(yaml)), JSON.stringify(validate.errors?.[0])).toBe(true);
    expect(await isTaken(parseYaml(yaml) as Json)).toBe(true);
  });

  test('the schema refuses an unknown key wherever the validator does', async () => {
    const mappings = places.filter(
      ([path, value]) => typeof value === 'object' && value !== null && !Array.isArray(value) && !isForeign(path),
    );
    expect(mappings.length).toBeGreaterThan(40);
    let refused = 0;
    for (const [path] of mappings) {
      const part = await narrow(example, path);
      const changed = replaceAt(part.config, part.path, (value) => ({ ...(value as JsonObject), no_such_key: 'x' }));
      const taken = await isTaken(changed);
      expect([path.join('.'), validate(changed)]).toEqual([path.join('.'), taken]);
      if (!taken) refused += 1;
    }
    expect(refused).toBeGreaterThan(30);
  });

  test('the schema refuses a value of a wrong type wherever the validator does', async () => {
    // A key that every tenant overrides is never read, whatever it is.
    const shared = replaceAt(example, ['backends', 'intuned-main'], (backend) => {
      const { credentialsByTenant, ...others } = backend as JsonObject;
      return others;
    });
    let refused = 0;
    for (const [path, value] of placesOf(shared).filter(([path]) => path.length > 1 && !isForeign(path))) {
      const wrong = Array.isArray(value) ? 'no such word' : [[]];
      const part = await narrow(shared, path);
      const changed = replaceAt(part.config, part.path, () => wrong);
      // The schema knows no names, no URLs and no rules between keys: it may accept more, never less.
      if (validate(changed)) continue;
      refused += 1;
      expect([path.join('.'), await isTaken(changed)]).toEqual([path.join('.'), false]);
    }
    expect(refused).toBeGreaterThan(200);
  });

  test('the schema refuses numbers out of bounds and words outside a choice', () => {
    const at = (path: Place, value: Json) => validate(replaceAt(example, path, () => value));
    expect(at(['server', 'port'], 65_535)).toBe(true);
    for (const port of [65_536, -1, 1.5, 'eighty', true])
      expect([port, at(['server', 'port'], port)]).toEqual([port, false]);
    expect(at(['log', 'level'], 'debug')).toBe(true);
    expect(at(['log', 'level'], 'loud')).toBe(false);
    expect(at(['auth', 'keys', 0, 'sha256'], 'abc')).toBe(false);
    expect(at(['webhooks', 'timeoutSeconds'], 301)).toBe(false);
  });

  // biome-ignore lint/suspicious/noTemplateCurlyInString: placeholders of the config are what is tested
  test.each([['${PORT}'], ['${PORT:-80}'], ['${FILE:port}']])('the schema accepts %s for a number', (placeholder) => {
    expect(validate(replaceAt(example, ['server', 'port'], () => placeholder))).toBe(true);
    expect(validate(replaceAt(example, ['server', 'metrics'], () => placeholder))).toBe(true);
    expect(validate(replaceAt(example, ['server', 'port'], () => `8${placeholder}`))).toBe(false);
  });

  test('the schema accepts a placeholder for every text, number, true and false that may be one', () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: placeholders of the config are what is tested
    const placeholder = '${NAME}';
    const isScalar = (value: Json) => value !== null && typeof value !== 'object';
    const scalars = places.filter(([path, value]) => isScalar(value) && path[2] !== 'schemas' && path[2] !== 'mapping');
    expect(scalars.length).toBeGreaterThan(90);
    const refused = scalars
      .map(([path]) => path)
      .filter((path) => !validate(replaceAt(example, path, () => placeholder)));
    expect(refused).toEqual([]);
  });

  test('the keys of a backend follow its adapter', () => {
    const of = (backend: JsonObject) => validate(replaceAt(example, ['backends'], () => ({ one: backend })));
    const baseUrl = 'http://127.0.0.1';
    expect(of({ adapter: 'restack', baseUrl })).toBe(true);
    expect(of({ adapter: 'restack', baseUrl, apiKey: 'x' })).toBe(false);
    expect(of({ adapter: 'restack', baseUrl, push: { publicUrl: baseUrl } })).toBe(false);
    expect(of({ adapter: 'intuned', baseUrl, workspaceId: 'w' })).toBe(false);
    expect(of({ adapter: 'intuned', baseUrl, workspaceId: 'w', apiKey: 'x' })).toBe(true);
    expect(of({ adapter: 'intuned', baseUrl, workspaceId: 'w', credentialsByTenant: { a: { apiKey: 'x' } } })).toBe(
      true,
    );
    expect(of({ adapter: 'intuned', baseUrl, workspaceId: 'w', credentialsByTenant: { a: { token: 'x' } } })).toBe(
      false,
    );
    expect(of({ adapter: 'intund', baseUrl })).toBe(false);
    const own = replaceAt(example, ['backends', 'intuned-main'], () => ({ adapter: 'own', baseUrl, key: 1 }));
    expect(validate({ ...(own as JsonObject), vendors: ['./own.yaml'] })).toBe(true);
    expect(of({ adapter: 'intuned', workspaceId: 'w', apiKey: 'x' })).toBe(false);
  });

  test('every key of the schema is described', () => {
    const bare: string[] = [];
    const walk = (node: Json, path: string): void => {
      if (Array.isArray(node)) node.forEach((each, index) => void walk(each, `${path}/${index}`));
      if (typeof node !== 'object' || node === null || Array.isArray(node)) return;
      for (const [key, member] of Object.entries(node)) {
        // The words of an if are no keys of their own.
        if (key === 'default' || key === 'examples' || key === 'if') continue;
        if (key === 'properties' && typeof member === 'object' && member !== null && !Array.isArray(member)) {
          for (const [name, property] of Object.entries(member)) {
            const { description } = (property ?? {}) as JsonObject;
            if (typeof description !== 'string' || description.length < 10) bare.push(`${path}/${name}`);
          }
        }
        walk(member, `${path}/${key}`);
      }
    };
    walk(schema, '');
    expect(bare).toEqual([]);
  });
});
