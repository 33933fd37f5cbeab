import type { JsonObject } from '../../contract/domain/json.ts';
import type { RunSummary } from '../../contract/domain/run.ts';

/** Clients may not set it. */
const vendorKey = 'rungate.vendor';

/** A run's metadata: the client's, and what is kept of the vendor's terminal answer. Undefined: there is none. */
export function encodeMetadata({ request, vendor }: RunSummary): JsonObject | undefined {
  return vendor === undefined ? request.metadata : { ...request.metadata, [vendorKey]: vendor };
}
