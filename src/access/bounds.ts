import type { Agent } from '../contract/domain/agent.ts';
import { GatewayError } from '../contract/domain/errors.ts';
import type { JsonObject } from '../contract/domain/json.ts';
import type { Exceptions } from '../upstream/ssrf-address.ts';

/** What the config holds every request to, whatever its principal. */
export type AccessBounds = {
  /** Every agent of the config. */
  readonly agents: readonly Agent[];
  readonly maxMetadataBytes: number;
  /** Where a client's URL may lead although it is not public. */
  readonly exceptions: Exceptions;
  /** Whether the `webhook` of a run can be called. */
  readonly callsWebhooks: boolean;
};

/** Keys that the gateway sets, such as `rungate.vendor`. */
const reservedPrefix = 'rungate.';

/** Throws `invalid_request` for metadata with a reserved key, and for metadata larger than its bound, as JSON in UTF-8. */
export function checkMetadata(metadata: JsonObject | undefined, { maxMetadataBytes: max }: AccessBounds): void {
  const reserved = Object.keys(metadata ?? {}).find((key) => key.startsWith(reservedPrefix));
  if (reserved !== undefined) {
    const detail = `is reserved: keys that begin with "${reservedPrefix}" are set by the gateway alone`;
    throw new GatewayError('invalid_request', { path: `metadata/${reserved}`, detail });
  }
  if (metadata === undefined || Buffer.byteLength(JSON.stringify(metadata)) <= max) return;
  throw new GatewayError('invalid_request', { path: 'metadata', detail: `must be at most ${max} bytes as JSON` });
}
