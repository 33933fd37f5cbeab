import type { Json } from '../domain/json.ts';
import type { AnswerHeaders } from './http.ts';

/** A call of a vendor for a whole account, as it arrived. */
export type PushCall = {
  readonly headers: AnswerHeaders;
  /** As it was sent: signatures are over it. */
  readonly body: string;
  /** The body as JSON; undefined: it is none. */
  parse(): Json | undefined | Promise<Json | undefined>;
};

/** What a call says: it is not the vendor's, it names no run, or it names one, which is asked for before it is believed. */
export type PushReading = { readonly kind: 'refused' | 'nothing' } | { readonly kind: 'named'; readonly runId: string };

/** How a vendor that calls one URL for a whole account is understood. */
export interface AccountPush {
  /** Never rejects. */
  read(call: PushCall): Promise<PushReading>;
}
