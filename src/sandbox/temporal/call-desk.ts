import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonObject } from '../../contract/domain/json.ts';
import type { FaultPlan, FrontendFault } from './faults.ts';
import { takesEffect } from './faults.ts';
import type { Frontend } from './frontend.ts';
import { codes, TemporalError } from './temporal-error.ts';

/** A call as it came over one of the wires. */
export type IncomingCall = {
  readonly method: string;
  readonly message: JsonObject;
  /** The value of the header `authorization`. */
  readonly authorization: string | undefined;
  readonly signal: AbortSignal;
};

/** What is to be answered; `fault` says how the wire spoils it. */
export type Outcome =
  | { readonly kind: 'answer'; readonly body: JsonObject; readonly fault: FrontendFault | null }
  | { readonly kind: 'error'; readonly error: TemporalError; readonly retryAfterMs?: number | undefined }
  /** Nothing took effect. */
  | { readonly kind: 'spoiled'; readonly fault: FrontendFault };

export type CallDeskDeps = {
  readonly frontend: Frontend;
  readonly faults: FaultPlan;
  /** Null: calls need none. */
  readonly apiKeys: readonly string[] | null;
};

/** Counts the calls of both wires, lets in who has a key, and finds the fault of each call. */
export class CallDesk {
  readonly #deps: CallDeskDeps;
  readonly #counts = new Map<string, number>();

  constructor(deps: CallDeskDeps) {
    this.#deps = deps;
  }

  /** Calls so far, by method. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  async take({ method, message, authorization, signal }: IncomingCall): Promise<Outcome> {
    const count = this.#counts.get(method) ?? 0;
    this.#counts.set(method, count + 1);
    const { apiKeys, faults, frontend } = this.#deps;
    if (apiKeys !== null && !apiKeys.some((key) => authorization === `Bearer ${key}`))
      return { kind: 'error', error: new TemporalError(codes.permissionDenied, 'Request unauthorized.') };
    const fault = faults({ method, count });
    if (fault?.kind === 'status') {
      const error = new TemporalError(fault.code, fault.message ?? `the sandbox answers ${fault.code}, as planned`);
      return { kind: 'error', error, retryAfterMs: fault.retryAfterMs };
    }
    if (fault !== null && !takesEffect(fault)) return { kind: 'spoiled', fault };
    try {
      const body = await frontend.answer(method, message, { signal });
      if (fault?.kind === 'late') await sleep(fault.ms);
      return { kind: 'answer', body, fault };
    } catch (error) {
      if (error instanceof TemporalError) return { kind: 'error', error };
      // What the schema does not have, or has with another type, is the caller's mistake.
      return { kind: 'error', error: new TemporalError(codes.invalidArgument, String(error)) };
    }
  }
}
