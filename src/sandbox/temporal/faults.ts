/** A method of the service, such as `StartWorkflowExecution`, and how often it was asked before. */
export type FrontendCall = { readonly method: string; readonly count: number };

/**
 * How an answer is spoiled.
 *
 * - `status`: a status of gRPC, or the HTTP status that stands for it. The request does not take effect.
 * - `hang`: no answer, and no effect.
 * - `late`: the answer comes so much later; the request takes effect at once.
 * - `cut-before`, `cut-after`: the connection is cut without an answer, before or after the request took effect.
 * - `refuse-stream`: the stream is refused, which says that nothing happened. Over HTTP/1.1 the connection is cut.
 * - `goaway`: the connection takes no further stream; this one is answered. Over HTTP/1.1 it is closed after the answer.
 * - `malformed`: an answer that is not a message.
 */
export type FrontendFault =
  | { readonly kind: 'status'; readonly code: number; readonly message?: string; readonly retryAfterMs?: number }
  | { readonly kind: 'late'; readonly ms: number }
  | { readonly kind: 'hang' | 'cut-before' | 'cut-after' | 'refuse-stream' | 'goaway' | 'malformed' };

/** Gives the fault of a call; null: it is answered as it should be. */
export type FaultPlan = (call: FrontendCall) => FrontendFault | null;

/** Whether a request that is spoiled this way takes effect. */
export function takesEffect({ kind }: FrontendFault): boolean {
  return kind === 'late' || kind === 'cut-after' || kind === 'goaway' || kind === 'malformed';
}
