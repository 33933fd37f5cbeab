import type { RunUrl } from '../../src/contract/adapter/adapter.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import { optionNames, runConfig, webTaskOptionNames } from './options.ts';

/** Members that are data to the vendor, as a run's input is, or headers: the vendor connects to nothing that they name. */
const dataMembers = new Set(['runtimeInput', 'headers', 'outputSchema']);
/** Members that are an address however they are written. */
const addressMember = /(?:url|uri|endpoint|proxy)$/i;
const hasScheme = /^\s*(?:[a-z][a-z0-9+.-]*:\/\/|(?:https?|wss?|ftp|socks\w*):)/i;

/**
 * Where a run's own options send the vendor: every text in them that is a URL, and every member that is one by its name,
 * at any depth, so that a member that the vendor adds later is found as well.
 */
export function findUrls(config: JsonObject): readonly RunUrl[] {
  const run = runConfig.safeParse(config);
  if (!run.success) return [];
  const { configurable } = run.data;
  return [
    ...urlsOfOptions(config, ''),
    ...(configurable ? urlsOfOptions(configurable as JsonObject, 'configurable/') : []),
  ];
}

/** The same where every member of the config passes to the vendor, known or not. */
export function findAllUrls(config: JsonObject): readonly RunUrl[] {
  const found: RunUrl[] = [];
  for (const [name, value] of Object.entries(config)) collect(value, { path: name, name, isProxy: false }, found);
  return found;
}

function urlsOfOptions(options: JsonObject, at: string): readonly RunUrl[] {
  const found: RunUrl[] = [];
  for (const name of optionNames) collect(options[name], { path: `${at}${name}`, name, isProxy: false }, found);
  const { webTask } = options;
  if (webTask === undefined || !isJsonObject(webTask)) return found;
  for (const name of webTaskOptionNames) {
    collect(webTask[name], { path: `${at}webTask/${name}`, name, isProxy: false }, found);
  }
  return found;
}

type Place = { readonly path: string; readonly name: string; readonly isProxy: boolean };

function collect(value: Json | undefined, place: Place, found: RunUrl[]): void {
  const { path, name } = place;
  if (value === undefined || dataMembers.has(name)) return;
  const isProxy = place.isProxy || /proxy$/i.test(name);
  if (typeof value === 'string') {
    if (addressMember.test(name) || hasScheme.test(value)) found.push({ path, url: value, isProxy });
  } else if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) collect(item, { path: `${path}/${index}`, name, isProxy }, found);
  } else if (isJsonObject(value)) {
    for (const [key, member] of Object.entries(value))
      collect(member, { path: `${path}/${key}`, name: key, isProxy }, found);
  }
}
