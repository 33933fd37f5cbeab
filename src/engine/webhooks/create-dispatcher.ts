import type { Clock } from '../../contract/domain/clock.ts';
import type { Log, Metrics } from '../../contract/domain/log.ts';
import type { RunEncoder, WebhookSender } from '../../contract/domain/webhook.ts';
import type { Store } from '../../contract/store/store.ts';
import { WebhookDispatcher } from './dispatcher.ts';
import { createSigner } from './signer.ts';

/** What the config and the rooms above say of outgoing webhooks. */
export type WebhookOptions = {
  /** The first signs first; at least one. */
  readonly secrets: readonly string[];
  readonly giveUpMs: number;
  /** The sender's, for one attempt. */
  readonly timeoutMs: number;
  readonly sender: WebhookSender;
  readonly encodeRun: RunEncoder;
};

/** Puts courier and signer together. */
export function createWebhookDispatcher(
  deps: { readonly store: Store; readonly clock: Clock; readonly log: Log; readonly metrics: Metrics },
  { secrets, giveUpMs, timeoutMs, sender }: WebhookOptions,
): WebhookDispatcher {
  const { store, clock, log, metrics } = deps;
  const { outbox, shared } = store;
  return new WebhookDispatcher({
    outbox,
    shared,
    sender,
    sign: createSigner(secrets),
    clock,
    log,
    metrics,
    giveUpMs,
    timeoutMs,
  });
}
