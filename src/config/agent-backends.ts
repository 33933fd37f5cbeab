import { findNearest } from '../collections/nearest-word.ts';
import type { Adapter } from '../contract/adapter/adapter.ts';
import { isJsonObject } from '../json/json-object.ts';
import type { BackendEntries } from './backends.ts';
import type { ConfigPath } from './config-error.ts';
import { type ConfigReader, listNames } from './reader.ts';

type EntryPlace = {
  readonly raw: unknown;
  readonly path: ConfigPath;
  readonly reader: ConfigReader;
  readonly known: BackendEntries;
};

/** The backends that an entry of `agents` names, right or wrong, before anything is checked. */
export function namedBackends(agent: unknown): readonly unknown[] {
  if (!isJsonObject(agent)) return [];
  const several = Array.isArray(agent.backends) ? agent.backends : [];
  return [agent.backend, ...several.map((each: unknown) => (isJsonObject(each) ? each.name : undefined))];
}

/** The adapter that all backends of an agent have, and the name of the first; undefined where that was refused. */
export function findAgentBackends(
  place: EntryPlace,
): { readonly adapter: Adapter; readonly first: string } | undefined {
  const { raw, path, reader } = place;
  // What is ill-typed is reported with the other keys of the agent.
  if (!isJsonObject(raw) || reader.hasFailed([...path, 'backend'])) return undefined;
  if (raw.backends === undefined) {
    if (raw.backend === undefined) {
      reader.report([...path, 'backend'], 'is required, unless the agent has `backends`');
      return undefined;
    }
    const adapter = findAdapter(place, raw.backend, [...path, 'backend']);
    return adapter === undefined ? undefined : { adapter, first: String(raw.backend) };
  }
  if (raw.backend !== undefined) {
    reader.report([...path, 'backend'], 'must be left out where the agent has `backends`');
    return undefined;
  }
  return Array.isArray(raw.backends) ? findSharedAdapter(place, raw.backends) : undefined;
}

/** One target and one mapping stand for all backends, so all speak to the same kind of vendor. */
function findSharedAdapter(
  place: EntryPlace,
  entries: readonly unknown[],
): { readonly adapter: Adapter; readonly first: string } | undefined {
  const { path, reader } = place;
  const before = reader.problemCount;
  const names = entries.map((entry) => (isJsonObject(entry) ? entry.name : undefined));
  const adapters = names.map((name, index) => {
    const at = [...path, 'backends', index, 'name'];
    if (typeof name === 'string' && names.indexOf(name) < index) reader.report(at, 'is named twice');
    return findAdapter(place, name, at);
  });
  const [adapter] = adapters;
  const [first] = names;
  for (const [index, other] of adapters.entries()) {
    if (adapter === undefined || other === undefined || other.name === adapter.name) continue;
    const message = `has the adapter ${other.name}, but ${String(first)} has ${adapter.name}; all must have the same`;
    reader.report([...path, 'backends', index, 'name'], message);
  }
  if (entries.length > 0 && entries.every((entry) => isJsonObject(entry) && entry.weight === 0)) {
    reader.report([...path, 'backends'], 'must have a weight above 0 at one of them');
  }
  return adapter === undefined || typeof first !== 'string' || reader.problemCount > before
    ? undefined
    : { adapter, first };
}

function findAdapter(
  { known: { adapters }, reader }: EntryPlace,
  name: unknown,
  path: ConfigPath,
): Adapter | undefined {
  if (typeof name !== 'string' || reader.hasFailed(path)) return undefined;
  if (!adapters.has(name)) {
    const hint = findNearest(name, adapters.keys());
    reader.report(path, `names no backend${listNames([...adapters.keys()])}`, { hint });
  }
  return adapters.get(name);
}
