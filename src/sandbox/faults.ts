import { z } from 'zod';

/** The vendors by file whose stand-ins share a server, each below its name. */
export const fileVendors = ['a2a', 'apify', 'browser-use', 'langgraph', 'openai-responses', 'replicate'] as const;
export type FileVendor = (typeof fileVendors)[number];

/** Vendors with an adapter of code whose stand-ins are on the same server. */
export const codedVendors = ['agentcore', 'dify', 'mcp'] as const;
export type SharingVendor = FileVendor | (typeof codedVendors)[number];

/** The vendors that the sandbox stands in for. */
const vendors = ['intuned', 'restack', ...fileVendors, ...codedVendors] as const;
export type Vendor = (typeof vendors)[number];

/** What a request asks of a vendor; `other` is everything else. */
export type Operation = 'start' | 'observe' | 'event' | 'other';

/**
 * How an answer is spoiled.
 *
 * - `status`: the HTTP status `status`, with `Retry-After` where `retryAfterSeconds` is set.
 * - `refuse`: the vendor's port refuses all connections until the faults are cleared; a vendor by file cuts them.
 * - `hang`: no answer, the socket stays open.
 * - `cut-before`, `cut-after`: the socket is closed without an answer, before or after the request took effect.
 * - `malformed`: a 2xx answer that is not JSON.
 * - `wrong-shape`: a 2xx answer with JSON of another shape.
 */
const faultKinds = ['status', 'refuse', 'hang', 'cut-before', 'cut-after', 'malformed', 'wrong-shape'] as const;

export type Fault = {
  readonly kind: (typeof faultKinds)[number];
  readonly status?: number | undefined;
  readonly retryAfterSeconds?: number | undefined;
  readonly message?: string | undefined;
  /** With `status`: the vendor's own word for the error, where its form has one. */
  readonly code?: string | undefined;
  /** With `status`: a proxy's page in place of an error in the vendor's form. */
  readonly page?: boolean | undefined;
  /** Whether the request takes effect although its answer is spoiled; each kind has a default. */
  readonly processed?: boolean | undefined;
};

/** Body of `POST /control/faults`. */
export const faultOrder = z.strictObject({
  vendor: z.enum(vendors),
  operation: z.enum(['start', 'observe', 'event']).optional(),
  kind: z.enum(faultKinds),
  status: z.int().min(400).max(599).optional(),
  retryAfterSeconds: z.number().nonnegative().optional(),
  message: z.string().optional(),
  code: z.string().optional(),
  page: z.boolean().optional(),
  processed: z.boolean().optional(),
  /** How many requests are spoiled; until cleared when left out. */
  times: z.int().positive().optional(),
});
export type FaultOrder = z.infer<typeof faultOrder>;

/** Whether a request that is spoiled this way takes effect at the vendor. */
export function takesEffect(fault: Fault): boolean {
  return fault.processed ?? (fault.kind === 'cut-after' || fault.kind === 'malformed' || fault.kind === 'wrong-shape');
}

/** The faults ordered over the control port, oldest first. */
export class FaultOrders {
  #orders: { readonly order: FaultOrder; left: number }[] = [];

  add(order: FaultOrder): void {
    this.#orders.push({ order, left: order.times ?? Number.POSITIVE_INFINITY });
  }

  /** The fault that spoils this request, if any; counts it. */
  nextFor(vendor: Vendor, operation: Operation): Fault | null {
    if (this.#orders.length === 0) return null;
    const found = this.#orders.find(
      ({ order }) => order.vendor === vendor && (order.operation === undefined || order.operation === operation),
    );
    if (found === undefined) return null;
    found.left -= 1;
    if (found.left <= 0) this.#orders = this.#orders.filter((entry) => entry !== found);
    return found.order;
  }

  list(): readonly FaultOrder[] {
    return this.#orders.map(({ order, left }) => (Number.isFinite(left) ? { ...order, times: left } : order));
  }

  clear(): void {
    this.#orders = [];
  }
}
