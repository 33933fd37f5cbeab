import { type MemberKind, readMember, type VendorFile } from '../../adapters/http/schema.ts';
import type { Json, JsonObject } from '../contract/domain/json.ts';
import type { UpstreamRef } from '../contract/domain/run.ts';

/**
 * The settings for trying a file out: what is given, then what the environment has under `VENDOR_SETTING`, and for a trial in
 * which nothing is sent a word in the place of each secret that is missing.
 */
export function completeSettings(
  { vendor, settings }: VendorFile,
  given: JsonObject,
  { env, isSent }: { readonly env: Readonly<Record<string, string | undefined>>; readonly isSent: boolean },
): JsonObject {
  const found = Object.entries(settings).flatMap(([name, written]): readonly (readonly [string, Json])[] => {
    if (given[name] !== undefined) return [];
    const { kind, isOptional } = readMember(written);
    const value = env[variableOf(vendor, name)];
    if (value !== undefined && value !== '') return [[name, value]];
    return isSent || isOptional ? [] : [[name, madeUp(name, kind)]];
  });
  return { ...Object.fromEntries(found), ...given };
}

/** The environment variable of a setting, such as `ACME_API_KEY`. */
export function variableOf(vendor: string, setting: string): string {
  const words = setting.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2');
  return `${vendor}_${words}`.replaceAll('-', '_').toUpperCase();
}

/** Ids that show where a request has those of the vendor's run. */
export function madeUpUpstream({ start, resume }: VendorFile): UpstreamRef {
  const names = [...Object.keys(start.keep ?? {}), ...Object.keys(resume?.keep ?? {})];
  return { runId: 'RUN-ID', ...Object.fromEntries(names.map((name) => [name, wordOf(name)])) };
}

function madeUp(name: string, kind: MemberKind): Json {
  if (kind === 'url') return 'https://vendor.example';
  return kind === 'json' ? {} : wordOf(name);
}

function wordOf(name: string): string {
  return name.replaceAll(/([a-z0-9])([A-Z])/g, '$1-$2').toUpperCase();
}
