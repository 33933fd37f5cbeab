import type { Clock } from '../../contract/domain/clock.ts';
import type { Log, Metrics } from '../../contract/domain/log.ts';
import type { Tracer } from '../../contract/domain/trace.ts';
import type { RunEncoder, WebhookSender } from '../../contract/domain/webhook.ts';
import type { Store } from '../../contract/store/store.ts';
import { WebhookDispatcher } from './dispatcher.ts';
import { createSigner } from './signer.ts';

/** Settings of outgoing webhooks, from the config and the composition. */
export type WebhookOptions = {
  /** The first one's signature comes first; none: deliveries are not signed. */
  readonly secrets: readonly string[];
  readonly giveUpMs: number;
  /** The sender's time-out of one attempt. */
  readonly timeoutMs: number;
  readonly sender: WebhookSender;
  readonly encodeRun: RunEncoder;
};

/** Composes dispatcher and signer. */
export function createWebhookDispatcher(
  deps: {
    readonly store: Store;
    readonly clock: Clock;
    readonly log: Log;
    readonly metrics: Metrics;
    readonly tracer?: Tracer | undefined;
  },
  { secrets, giveUpMs, timeoutMs, sender, encodeRun }: WebhookOptions,
): WebhookDispatcher {
  const { store, clock, log, metrics, tracer } = deps;
  const { outbox, shared } = store;
  return new WebhookDispatcher({
    outbox,
    shared,
    sender,
    sign: createSigner(secrets),
    encodeRun,
    clock,
    log,
    metrics,
    tracer,
    giveUpMs,
    timeoutMs,
  });
}
