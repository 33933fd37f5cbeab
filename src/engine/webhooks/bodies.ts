import { requestWebhookId } from '../../contract/domain/run-webhook.ts';
import type { TraceContext } from '../../contract/domain/trace.ts';
import type { Delivery, Outbox, RunEncoder } from '../../contract/domain/webhook.ts';
import { runAt } from './outbox-entry.ts';
import { headersOf, webhooksOf } from './run-webhooks.ts';

/** Of bodies in memory; the attempts that hold them may take as long as a receiver takes to answer. */
const maxChars = 32 * 1024 * 1024;
/** A body from which on deliveries are claimed one at a time. */
const largeChars = 256 * 1024;
/** So many bodies after the last large one, the next is not expected to be large. */
const cautiousFor = 100;

export type SentBody = {
  readonly kind: 'body';
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly trace?: TraceContext | undefined;
};

/** `later`: there are too many in memory. `gone`: its run is not known. `removed`: the run's webhook was. */
type Body = SentBody | { readonly kind: 'later' } | { readonly kind: 'gone' } | { readonly kind: 'removed' };

/** The bodies of the attempts under way, which are made of their runs, one after the other. */
export class Bodies {
  readonly #outbox: Outbox;
  readonly #encodeRun: RunEncoder;
  #chars = 0;
  #caution = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(outbox: Outbox, encodeRun: RunEncoder) {
    this.#outbox = outbox;
    this.#encodeRun = encodeRun;
  }

  /** No more deliveries should be claimed until one is free. */
  get areFull(): boolean {
    return this.#chars >= maxChars;
  }

  get areLarge(): boolean {
    return this.#caution > 0;
  }

  /** Resolves when the size of what was claimed is known. */
  async whenMade(): Promise<void> {
    await this.#last;
  }

  /** The body of a claimed delivery, to be freed after the attempt. Rejects with `StorageFault`. */
  async take(delivery: Delivery): Promise<Body> {
    const made = this.#last.then(() => this.#make(delivery));
    this.#last = made.catch(() => {});
    return await made;
  }

  free(text: string): void {
    this.#chars -= text.length;
  }

  async #make(delivery: Delivery): Promise<Body> {
    const { phase } = delivery;
    if (this.areFull) return { kind: 'later' };
    if (phase === undefined) return this.#count(delivery.body);
    const run = await this.#outbox.runOf(delivery);
    if (run === null) return { kind: 'gone' };
    const { webhook: id = requestWebhookId, url } = delivery;
    // One that was given another URL must not call the former one with what the new receiver is to get.
    const webhook = webhooksOf(run).find((each) => each.id === id && each.url === url);
    if (webhook === undefined) return { kind: 'removed' };
    const text = await this.#encodeRun(runAt(run, delivery, phase), webhook.protocol);
    return { ...this.#count(text), headers: headersOf(webhook), trace: run.request.trace?.context };
  }

  #count(text: string): SentBody {
    this.#chars += text.length;
    this.#caution = text.length >= largeChars ? cautiousFor : Math.max(0, this.#caution - 1);
    return { kind: 'body', text };
  }
}
