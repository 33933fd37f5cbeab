import { A2aRefusal } from './errors.ts';

/** The versions that are served: 1.0 in two bindings, 0.3 over JSON-RPC alone. */
export type Version = '1.0' | '0.3';

export const versionHeader = 'a2a-version';
export const versionParameter = 'A2A-Version';

/**
 * The version of a request, by its header or its parameter: a request without either is of 0.3. Patches do not count.
 * Throws `VERSION_NOT_SUPPORTED`.
 */
export function readVersion(header: string | undefined, parameter: string | undefined): Version {
  const named = (header ?? parameter ?? '').trim();
  if (named === '') return '0.3';
  const [, version] = /^(\d+\.\d+)(?:\.\d+)?$/.exec(named) ?? [];
  if (version === '1.0' || version === '0.3') return version;
  throw new A2aRefusal('VERSION_NOT_SUPPORTED', 'the versions that are served are 1.0 and 0.3');
}

/** HTTP+JSON is served for 1.0 alone: in 0.3 it had other paths. */
export function requireCurrent(version: Version): void {
  if (version !== '1.0')
    throw new A2aRefusal(
      'VERSION_NOT_SUPPORTED',
      'HTTP+JSON is served for 1.0, and a request without A2A-Version is of 0.3',
    );
}
