import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LRUCache } from 'lru-cache';
import { createVendorAdapter } from '../../adapters/http/adapter.ts';
import { checkVendorFile } from '../../adapters/http/check.ts';
import { type VendorFile, vendorFileSchema } from '../../adapters/http/schema.ts';
import { findNearest } from '../collections/nearest-word.ts';
import type { Adapter } from '../contract/adapter/adapter.ts';
import { isJsonObject } from '../json/json-object.ts';
import { compileMapping, type MappingLayer } from '../mapping/compile.ts';
import { expressionSyntax } from '../mapping/expressions.ts';
import { usualVendorPaths } from '../mapping/vendor-words.ts';
import { ConfigError, type ConfigProblem } from './config-error.ts';
import { readDocument } from './document.ts';
import { backendSchema } from './entry-schemas.ts';
import { maxConfigBytes, type ReadText, readText, UnreadableFileError } from './files.ts';
import { ConfigReader, isExtension } from './reader.ts';

/** A vendor file in which nothing is wrong. */
export type Vendor = {
  readonly adapter: Adapter;
  /** What the mapping of an agent is laid over. */
  readonly mapping: MappingLayer;
  readonly file: VendorFile;
};

export type VendorReading =
  | { readonly kind: 'vendor'; readonly vendor: Vendor }
  | { readonly kind: 'refused'; readonly problems: readonly ConfigProblem[] };

/** Where the files of the vendors that ship are: `<vendor>/adapter.yaml` each. */
export const shippedVendors = fileURLToPath(new URL('../../adapters', import.meta.url));

/** Names of the vendors whose files are in a folder. */
export async function listVendors(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true }).catch((): readonly string[] => []);
  return entries.flatMap((entry) => /^([\w-]+)[/\\]adapter\.yaml$/.exec(entry)?.[1] ?? []).toSorted();
}

export function vendorFileOf(folder: string, vendor: string): string {
  return join(folder, vendor, 'adapter.yaml');
}

/** Every vendor that ships as a file. Throws `ConfigError` for one that is wrong, which a test would have found. */
export async function loadShippedVendors(): Promise<readonly Vendor[]> {
  const names = await listVendors(shippedVendors);
  return await Promise.all(names.map((name) => loadVendor(vendorFileOf(shippedVendors, name))));
}

/** Reads a vendor file. Throws `ConfigError` with every problem at once. */
export async function loadVendor(path: string): Promise<Vendor> {
  const reading = await readVendor(path);
  if (reading.kind === 'vendor') return reading.vendor;
  throw new ConfigError(path, reading.problems);
}

/**
 * Vendors by their file and its text. A file that has not changed gives the same adapter again, so that a reload keeps the
 * connections of its backends.
 */
const readings = new LRUCache<string, VendorReading>({ max: 100 });

/** Reads a vendor file and checks it; reports every problem at once. */
export async function readVendor(path: string, read: ReadText = readText): Promise<VendorReading> {
  try {
    const text = await read(path, maxConfigBytes);
    const key = JSON.stringify([path, text]);
    const reading = readings.get(key) ?? parseVendor(text, path);
    if (reading.kind === 'vendor') readings.set(key, reading);
    return reading;
  } catch (error) {
    if (!(error instanceof UnreadableFileError)) throw error;
    return { kind: 'refused', problems: [{ path: '', message: `cannot be read: ${error.message}` }] };
  }
}

/** Like {@link readVendor}, for a text; `path` is for problems. */
export function parseVendor(text: string, path: string): VendorReading {
  const document = readDocument(text);
  if (document.problems.length > 0) return { kind: 'refused', problems: document.problems };
  const reader = new ConfigReader(document, []);
  const raw = document.value;
  if (!isJsonObject(raw)) {
    const message = raw === null ? 'is empty' : 'must be a mapping with "vendor", "start" and "observe"';
    return { kind: 'refused', problems: [{ path: '', message }] };
  }
  const file = reader.parse(vendorFileSchema, raw, []);
  const written = isJsonObject(raw.mapping) ? raw.mapping : {};
  const mapping: MappingLayer = { source: path, mapping: layerOf(written, raw.results !== undefined) };
  // Both are checked whatever is wrong with the other, so that one check shows all.
  checkMapping(mapping, reader, raw.mapping !== undefined);
  if (file !== undefined) {
    for (const { keys, message, given, known, isKey } of checkVendorFile(file, deps)) {
      const hint = given === undefined ? undefined : findNearest(given, known ?? []);
      reader.report(keys, message, { hint, ...(isKey !== undefined && { isKey }) });
    }
  }
  if (reader.problemCount > 0 || file === undefined) return { kind: 'refused', problems: reader.listProblems() };
  return { kind: 'vendor', vendor: { file, mapping, adapter: createVendorAdapter(file) } };
}

const deps = { syntax: expressionSyntax, sharedKeys: Object.keys(backendSchema.shape) };

/** With results the vendor's run is one member of the data, so that what is kept of it is found there. */
function layerOf(written: Readonly<Record<string, unknown>>, hasResults: boolean): Readonly<Record<string, unknown>> {
  const own = Object.fromEntries(Object.entries(written).filter(([key]) => !isExtension(key)));
  const vendor = hasResults ? { vendor: usualVendorPaths.map((path) => `run.${path}`) } : {};
  return { ...vendor, ...own };
}

function checkMapping(layer: MappingLayer, reader: ConfigReader, isThere: boolean): void {
  // A missing one is reported with the other missing keys.
  if (!isThere) return;
  const compilation = compileMapping([layer]);
  if (compilation.kind === 'compiled') return;
  for (const { keys, message, hint, isKey } of compilation.problems) {
    const text = message
      .replace(/^no layer has/, 'has no')
      .replace('has no a ', 'has no ')
      .replace('has no an ', 'has no ');
    reader.report(['mapping', ...keys], text, { hint, ...(isKey !== undefined && { isKey }) });
  }
}
