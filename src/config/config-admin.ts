import { hash } from 'node:crypto';
import type { ConfigAdmin } from '../contract/api/admin.ts';
import type { ConfigChange, ConfigCheck, ReloadOutcome } from '../contract/api/admin-reports.ts';
import type { Json, JsonObject } from '../contract/domain/json.ts';
import { canonicalJson } from '../json/canonical-json.ts';
import { isJsonObject } from '../json/json-object.ts';
import { type Config, describeConfig } from './config.ts';
import { ConfigError } from './config-error.ts';
import type { Reloader } from './reloader.ts';

/** Reads the config's file anew, or a text in its place. Throws `ConfigError`. */
export type ReadConfig = (text: string | null) => Promise<Config>;

export type ConfigAdminDeps = {
  readonly reloader: Pick<Reloader, 'config' | 'inForceSinceMs' | 'last' | 'history' | 'reload'>;
  /** Null: it was read from no file. */
  readonly read: ReadConfig | null;
};

/** Changes that a check shows. */
const maxChanges = 500;
const hashLength = 12;

/** The config as operators see it: without secrets, with a hash by which replicas are compared. */
export function createConfigAdmin({ reloader, read }: ConfigAdminDeps): ConfigAdmin {
  return {
    get hash() {
      return reloader.config.hash;
    },
    get refusal() {
      const { atMs, isTaken, problems } = reloader.last;
      return isTaken ? null : { atMs, problems };
    },
    current: () => {
      const { config, inForceSinceMs: loadedAtMs } = reloader;
      const effective = effectiveConfig(config);
      return { file: config.file, hash: config.hash, loadedAtMs, effective, history: reloader.history };
    },
    check: async (text) => {
      const before = effectiveConfig(reloader.config);
      if (read === null) return refusal('this gateway was not started from a file');
      try {
        const next = await read(text);
        return { problems: [], hash: next.hash, changes: compare(before, effectiveConfig(next)) };
      } catch (error) {
        if (error instanceof ConfigError) return refusal(...error.message.split('\n').filter((line) => line !== ''));
        throw error;
      }
    },
    reload: async (by): Promise<ReloadOutcome> => {
      const { hash } = reloader.config;
      if (read === null) return { isApplied: false, hash, problems: ['this gateway was not started from a file'] };
      const { kind, ...result } = await reloader.reload(`the operator ${by}`);
      return { ...result, isApplied: kind !== 'refused' };
    },
  };
}

/** Defaults included, secrets taken out: plain JSON. */
function effectiveConfig(config: Config): Json {
  const described = JSON.parse(JSON.stringify(describeConfig(config))) as Json;
  if (!isJsonObject(described) || !isJsonObject(described.auth) || !Array.isArray(described.auth.keys))
    return described;
  const keys = described.auth.keys.map((key) => (isJsonObject(key) ? hideKey(key) : key));
  return { ...described, auth: { ...described.auth, keys } };
}

/** What the config has of a key belongs into the config alone; by its hash a key that was changed can be seen. */
function hideKey({ sha256, ...key }: JsonObject): JsonObject {
  return { ...key, id: shorten(String(sha256)) };
}

function shorten(text: string): string {
  return hash('sha256', text).slice(0, hashLength);
}

function refusal(...problems: readonly string[]): ConfigCheck {
  return { problems, hash: null, changes: [] };
}

/** The paths at which two configs differ; of members that are named, such as agents, by their names. */
function compare(before: Json, after: Json): readonly ConfigChange[] {
  const changes: ConfigChange[] = [];
  const visit = (path: string, one: Json | undefined, other: Json | undefined): void => {
    if (changes.length >= maxChanges) return;
    const [left, right] = [membersOf(one), membersOf(other)];
    if (left !== null && right !== null) {
      for (const name of new Set([...Object.keys(left), ...Object.keys(right)]))
        visit(path === '' ? name : `${path}.${name}`, left[name], right[name]);
      return;
    }
    if (one !== undefined && other !== undefined && canonicalJson(one) === canonicalJson(other)) return;
    changes.push({ path, before: one ?? null, after: other ?? null });
  };
  visit('', before, after);
  return changes;
}

/** Members of an object, and of a list whose elements have names; null: it is compared as a whole. */
function membersOf(value: Json | undefined): JsonObject | null {
  if (isJsonObject(value)) return value;
  if (!Array.isArray(value)) return null;
  const named = value.flatMap((each) =>
    isJsonObject(each) && typeof each.name === 'string' ? [[each.name, each]] : [],
  );
  return named.length === value.length && value.length > 0 ? Object.fromEntries(named) : null;
}
