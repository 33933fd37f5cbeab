import type { Clock } from '../../contract/domain/clock.ts';
import type { Log, Metrics } from '../../contract/domain/log.ts';
import type { Tracer } from '../../contract/domain/trace.ts';
import type { RunEncoder, WebhookSender } from '../../contract/domain/webhook.ts';
import type { Store } from '../../contract/store/store.ts';
import { WebhookDispatcher } from './dispatcher.ts';
import { createSigner, type Signer } from './signer.ts';

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

/** The settings of the config in force, for a dispatcher that reads them each time; `first` has what does not change. */
export function followWebhooks(read: () => WebhookOptions | undefined, first: WebhookOptions): WebhookOptions {
  return {
    giveUpMs: first.giveUpMs,
    timeoutMs: first.timeoutMs,
    get secrets() {
      return (read() ?? first).secrets;
    },
    get sender() {
      return (read() ?? first).sender;
    },
    get encodeRun() {
      return (read() ?? first).encodeRun;
    },
  };
}

/** Composes dispatcher and signer. Secrets, sender and encoder are read anew each time, because the config may change. */
export function createWebhookDispatcher(
  deps: {
    readonly store: Store;
    readonly clock: Clock;
    readonly log: Log;
    readonly metrics: Metrics;
    readonly tracer?: Tracer | undefined;
  },
  options: WebhookOptions,
): WebhookDispatcher {
  const { store, clock, log, metrics, tracer } = deps;
  const { outbox, shared } = store;
  const signers = new Signers();
  return new WebhookDispatcher({
    outbox,
    shared,
    sender: { post: (post) => options.sender.post(post) },
    sign: (delivery, nowMs) => signers.get(options.secrets)(delivery, nowMs),
    encodeRun: (run, protocol) => options.encodeRun(run, protocol),
    clock,
    log,
    metrics,
    tracer,
    giveUpMs: options.giveUpMs,
    timeoutMs: options.timeoutMs,
  });
}

/** Keeps the signer of the secrets in force. */
class Signers {
  #secrets: readonly string[] | null = null;
  #sign: Signer = createSigner([]);

  get(secrets: readonly string[]): Signer {
    if (secrets !== this.#secrets) this.#sign = createSigner(secrets);
    this.#secrets = secrets;
    return this.#sign;
  }
}
