import { resolve } from 'node:path';
import type { Adapter } from '../contract/adapter/adapter.ts';
import { isJsonObject } from '../json/json-object.ts';
import type { MappingLayer } from '../mapping/compile.ts';
import type { KnownAdapters } from './backends.ts';
import type { ReadText } from './files.ts';
import type { ConfigReader } from './reader.ts';
import { vendorsSchema } from './sections.ts';
import { listVendors, readVendor, type VendorReading, vendorFileOf } from './vendor-files.ts';

export type VendorDeps = {
  /** Adapters that are code. */
  readonly registry: readonly Adapter[];
  /** Directory of the vendor files that need no mention. */
  readonly shippedDirectory: string;
  /** Directory that file names in the config are relative to. */
  readonly baseDirectory: string;
  readonly reader: ConfigReader;
  readonly readText: ReadText;
};

export type Vendors = KnownAdapters & {
  /** The files that the config lists. */
  readonly own: readonly string[];
  /** Default mappings of the vendor files, by the name of the adapter. */
  readonly mappings: ReadonlyMap<string, MappingLayer>;
};

/**
 * Reads the vendor files that a config names: its own, under `vendors`, and of those that ship only what its backends name.
 * An own file wins over one that ships, and none over code.
 */
export async function readVendors(raw: Readonly<Record<string, unknown>>, deps: VendorDeps): Promise<Vendors> {
  const { registry, reader, shippedDirectory } = deps;
  const adapters = new Map(registry.map((adapter) => [adapter.name, adapter]));
  const mappings = new Map<string, MappingLayer>();
  const places = new Map<string, number>();
  const paths = reader.parse(vendorsSchema, raw.vendors ?? [], ['vendors']) ?? [];
  for (const [index, path] of paths.entries()) {
    const place = ['vendors', index];
    if (reader.hasFailed(place)) continue;
    const file = resolve(deps.baseDirectory, path);
    const reading = await readVendor(file, deps.readText);
    report(reading, { place, file, reader });
    if (reading.kind === 'refused') continue;
    const { adapter, mapping } = reading.vendor;
    const first = places.get(adapter.name);
    if (first !== undefined) reader.report(place, `is of the vendor ${adapter.name}, as vendors[${first}] is`);
    else if (adapters.has(adapter.name)) reader.report(place, `is of the vendor ${adapter.name}, which has an adapter`);
    else {
      places.set(adapter.name, index);
      adapters.set(adapter.name, adapter);
      mappings.set(adapter.name, mapping);
    }
  }
  const shipped = await listVendors(shippedDirectory);
  for (const name of namedAdapters(raw.backends)) {
    if (!shipped.includes(name) || adapters.has(name)) continue;
    const file = vendorFileOf(shippedDirectory, name);
    const reading = await readVendor(file, deps.readText);
    report(reading, { place: ['backends'], file, reader });
    if (reading.kind === 'refused') continue;
    adapters.set(name, reading.vendor.adapter);
    mappings.set(name, reading.vendor.mapping);
  }
  return {
    adapters: [...adapters.values()],
    names: [...new Set([...adapters.keys(), ...shipped])],
    own: paths,
    mappings,
  };
}

function report(
  reading: VendorReading,
  {
    place,
    file,
    reader,
  }: { readonly place: readonly (string | number)[]; readonly file: string; readonly reader: ConfigReader },
): void {
  if (reading.kind !== 'refused') return;
  for (const problem of reading.problems) reader.reportFile(place, { ...problem, file, pathInFile: problem.path });
}

function namedAdapters(backends: unknown): ReadonlySet<string> {
  const entries = isJsonObject(backends) ? Object.values(backends) : [];
  return new Set(
    entries.flatMap((entry) => (isJsonObject(entry) && typeof entry.adapter === 'string' ? [entry.adapter] : [])),
  );
}
