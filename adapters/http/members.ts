// biome-ignore-all lint/suspicious/noTemplateCurlyInString: a placeholder of the config stands in an example
import { z } from 'zod';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { headerValue, pathPart } from '../path.ts';
import { namesIn } from './names.ts';
import { type MemberKind, readMember, type VendorFile } from './schema.ts';

/** Parts with slashes between them, each of which could stand alone. */
const slashedPath = z
  .string()
  .min(1)
  .max(2000)
  .refine((text) => text.split('/').every((part) => pathPart.safeParse(part).success), {
    error: 'must be parts with one slash between them, none of them dots only',
  });

const url = z.string().refine((text) => {
  const parsed = URL.parse(text);
  return parsed !== null && /^https?:$/.test(parsed.protocol) && parsed.username === '' && parsed.password === '';
}, 'must be an http or https URL without credentials');

const schemas: Readonly<Record<MemberKind, z.ZodType<Json>>> = {
  text: z.string().min(1),
  part: pathPart,
  path: slashedPath,
  url,
  json: z.json() as z.ZodType<Json>,
  secret: z.string().min(1),
};

const descriptions: Readonly<Record<MemberKind, string>> = {
  text: 'A text of your choice, or as the vendor has it.',
  part: 'A name or id, which becomes one part of a path.',
  path: 'A path, whose slashes are kept.',
  url: 'An http or https URL without credentials.',
  json: 'Any value, as the vendor takes it.',
  secret: 'A secret; it is never shown.',
};

const examples: Readonly<Record<MemberKind, Json>> = {
  text: 'a text',
  part: 'name',
  path: 'folder/name',
  url: 'https://vendor.example',
  json: { key: 'value' },
  secret: '${VENDOR_SECRET}',
};

/** The schema of a backend's own keys. An empty text leaves an optional one out, as `${NAME:-}` gives it. */
export function settingsSchema({ settings, auth }: VendorFile): z.ZodType<JsonObject> {
  const inHeaders = new Set(auth === undefined ? [] : headerNames(auth));
  return objectOf(settings, (name, kind) => {
    if (name === auth?.googleServiceAccount) return serviceAccount;
    return inHeaders.has(name) ? headerValue : schemas[kind];
  });
}

export function targetSchema({ target }: VendorFile): z.ZodType<JsonObject> {
  return objectOf(target, (_name, kind) => schemas[kind]);
}

/** A run's `config`: the members themselves, or under `configurable` as ACP 0.2 and the Agent Protocol nest them. */
export const runConfig = z.looseObject({ configurable: z.looseObject({}).nullish() });

/** The members of a run's config that the file lets pass. Null is the same as leaving one out. */
export function pickConfig(names: readonly string[], config: JsonObject): JsonObject {
  const nested = runConfig.safeParse(config).data?.configurable ?? {};
  const picked: [string, Json][] = [];
  for (const name of names) {
    const value = (Object.hasOwn(config, name) ? config[name] : null) ?? (nested[name] as Json | undefined) ?? null;
    if (value !== null) picked.push([name, value]);
  }
  return Object.fromEntries(picked);
}

/** The settings that expressions see: all but the secrets. */
export function withoutSecrets({ settings }: VendorFile, values: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(values).filter(([name]) => settings[name] !== undefined && !isSecret(settings[name])),
  );
}

/** Values that must never leave the process. The settings may be wrong, and not yet parsed. */
export function secretsOf({ settings, auth }: VendorFile, values: JsonObject): readonly string[] {
  return Object.entries(settings).flatMap(([name, kind]) => {
    const value = isSecret(kind) ? values[name] : undefined;
    if (typeof value !== 'string' || value === '') return [];
    const key = name === auth?.googleServiceAccount ? serviceAccount.safeParse(value).data : undefined;
    return key === undefined ? [value] : [value, readServiceAccount(value).private_key];
  });
}

/** What is used of the JSON key of a service account of Google. */
const serviceAccountKey = z.looseObject({
  client_email: z.string().min(1),
  private_key: z.string().startsWith('-----BEGIN PRIVATE KEY-----'),
  private_key_id: z.string().optional(),
  token_uri: z.url().default('https://oauth2.googleapis.com/token'),
});

const serviceAccount = z.string().refine((text) => {
  try {
    return serviceAccountKey.safeParse(JSON.parse(text)).success;
  } catch {
    return false;
  }
}, 'must be the JSON key of a service account');

/** Throws for a text that the schema of the settings did not take. */
export function readServiceAccount(text: string): z.output<typeof serviceAccountKey> {
  return serviceAccountKey.parse(JSON.parse(text));
}

export function isSecret(written: string | undefined): boolean {
  return written !== undefined && readMember(written).kind === 'secret';
}

/** Settings that become part of a header, which takes visible ASCII only. */
function headerNames({ bearer, header, awsSigV4 }: NonNullable<VendorFile['auth']>): readonly string[] {
  const { accessKeyId, sessionToken } = awsSigV4 ?? {};
  return [bearer, ...namesIn(header?.value ?? ''), accessKeyId, sessionToken].filter((name) => name !== undefined);
}

function objectOf(
  members: Readonly<Record<string, string>>,
  schemaOf: (name: string, kind: MemberKind) => z.ZodType<Json>,
): z.ZodType<JsonObject> {
  const shape = Object.entries(members).map(([name, written]) => {
    const { kind, isOptional } = readMember(written);
    const schema = schemaOf(name, kind);
    const own = !isOptional ? schema : kind === 'json' ? schema.optional() : schema.or(z.literal('')).optional();
    return [name, own.meta({ description: descriptions[kind], examples: [examples[kind]] })] as const;
  });
  const whole = z.strictObject(Object.fromEntries(shape));
  return whole.transform((values) =>
    Object.fromEntries(Object.entries(values).filter(([name, value]) => !isAbsent(value, members[name]))),
  ) as unknown as z.ZodType<JsonObject>;
}

/** Nothing, or the empty text of a variable that is not set. */
function isAbsent(value: unknown, written: string | undefined): boolean {
  return value === undefined || (value === '' && written !== 'json' && written !== 'json?');
}
