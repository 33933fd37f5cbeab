import { isJsonObject } from '../json/json-object.ts';
import type { Config } from './config.ts';
import { ConfigError, type ConfigPath, formatPath } from './config-error.ts';
import { readDocument } from './document.ts';
import { maxConfigBytes, readText, UnreadableFileError } from './files.ts';
import { parseConfig, type Registry } from './load.ts';

/** What a placeholder may stand for, tried in this order until the config has no problem at its place. */
const standIns: readonly string[] = [
  'placeholder',
  'https://placeholder.example',
  '1',
  'true',
  'a'.repeat(64),
  `whsec_${'A'.repeat(43)}=`,
  'postgres://placeholder:placeholder@placeholder.example/placeholder',
  'sqlite:./placeholder.db',
  '127.0.0.1',
  'info',
];

const placeholder = /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-[^}]*)?\}/g;
const filePlaceholder = /(?<!\$)\$\{FILE:[^}]*\}/g;

/**
 * Checks a config where its variables and secret files are not there, as in CI: each placeholder without a default stands for any value.
 * Null: nothing is wrong, as far as can be said without them. Throws `ConfigError` with what would be wrong whatever they
 * hold.
 */
export async function checkWithoutValues(file: string, registry: Registry): Promise<Config | null> {
  const written = await readText(file, maxConfigBytes).catch((error: unknown) => {
    if (!(error instanceof UnreadableFileError)) throw error;
    throw new ConfigError(file, [{ path: '', message: `cannot be read: ${error.message}` }]);
  });
  let files = 0;
  const text = written.replaceAll(filePlaceholder, () => {
    files += 1;
    return `\${UNKNOWN_FILE_${files}}`;
  });
  const places = findPlaceholders(readDocument(text).value, []);
  const tries = new Map<string, number>();
  for (const { names } of places) for (const name of names) tries.set(name, 0);
  for (;;) {
    const env = Object.fromEntries([...tries].map(([name, at]) => [name, standIns[at]]));
    try {
      return await parseConfig(text, { file, env, registry });
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const doubted = new Set(
        places.flatMap(({ path, names }) => (error.problems.some((problem) => problem.path === path) ? names : [])),
      );
      const open = [...doubted].filter((name) => (tries.get(name) ?? 0) + 1 < standIns.length);
      for (const name of open) tries.set(name, (tries.get(name) ?? 0) + 1);
      if (open.length > 0) continue;
      // What none of them satisfies depends on the value, which nothing here can know.
      const certain = error.problems.filter(({ path }) => !places.some((place) => place.path === path));
      if (certain.length === 0) return null;
      throw new ConfigError(file, certain);
    }
  }
}

type Place = { readonly path: string; readonly names: readonly string[] };

function findPlaceholders(value: unknown, path: ConfigPath): readonly Place[] {
  if (typeof value === 'string') {
    const found = [...value.matchAll(placeholder)].filter(({ 0: whole }) => !whole.includes(':-'));
    return found.length === 0 ? [] : [{ path: formatPath(path), names: found.map(([, name = '']) => name) }];
  }
  if (Array.isArray(value)) return value.flatMap((item, at) => findPlaceholders(item, [...path, at]));
  if (!isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([key, member]) => findPlaceholders(member, [...path, key]));
}
