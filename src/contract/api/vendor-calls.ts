import type { NativeRequest } from '../adapter/adapter.ts';
import type { Json, JsonObject } from '../domain/json.ts';

/** A request for a vendor's own API that makes no run here. */
export type VendorCall = NativeRequest & {
  readonly tenant: string;
  /** The name of the adapter. */
  readonly vendor: string;
  /** The place at the vendor that the request names, such as `{ workspaceId }`. */
  readonly place: JsonObject;
  /** Left out, every backend may be used. Else only those at which one of these agents leaves to requests what to run. */
  readonly agents?: ReadonlySet<string> | undefined;
  /** The call begins work at the vendor, so that it does not pass while operators have stopped starts there. */
  readonly begins: boolean;
  readonly signal: AbortSignal;
};

/** The vendor's answer, a refusal included. `body` is undefined where it has none. */
export type VendorAnswer = {
  readonly status: number;
  readonly body: Json | undefined;
  /** The message of a refusal. */
  readonly reason?: string | undefined;
  readonly retryAfterSeconds?: number | undefined;
};

/** What is passed on to vendors as it came. */
export interface VendorCalls {
  /**
   * Makes the call within the budget of the account. Throws `route_not_found` where no backend passes anything on,
   * `agent_forbidden`, `vendor_unavailable` where nothing was sent, and `vendor_failed` where no answer came.
   */
  pass(call: VendorCall): Promise<VendorAnswer>;
}
