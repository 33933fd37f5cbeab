/**
 * The changes of a run that a receiver is called for.
 *
 * - `status`: each change of the outward status, so interrupts and the end.
 * - `progress`: that the vendor has started it, each interrupt, that it goes on after one, and the end.
 * - `end`: the end alone.
 * - `success`: the end alone, and only a success.
 */
export const webhookEvents = ['status', 'progress', 'end', 'success'] as const;
export type WebhookEvents = (typeof webhookEvents)[number];

/** A receiver of a run's changes. */
export type RunWebhook = {
  /** Unique within the run. */
  readonly id: string;
  readonly url: string;
  /** Name of the protocol whose words the bodies have; null where version 0.1 did not record it. */
  readonly protocol: string | null;
  readonly events: WebhookEvents;
  /** Headers that the receiver asked for; none takes the place of one of the gateway's. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** A secret of the receiver's, sent as this header. */
  readonly token?: { readonly header: string; readonly value: string } | undefined;
  /** Sent as the `Authorization` header. */
  readonly authentication?: { readonly scheme: string; readonly credentials: string } | undefined;
};

/** Without an id it gets one. */
export type NewRunWebhook = Omit<RunWebhook, 'id'> & { readonly id?: string | undefined };

/** The id of the webhook that a request names by its `webhook` alone. */
export const requestWebhookId = 'default' as const;

export const webhookBounds = {
  /** Of one run. */
  count: 16,
  idLength: 256,
  urlLength: 65_536,
  /** Of all headers of a webhook, its token and its credentials together. */
  headersLength: 16_384,
} as const;
