import { GatewayError } from '../../contract/domain/errors.ts';
import type { Run, RunKey } from '../../contract/domain/run.ts';
import { type NewRunWebhook, type RunWebhook, requestWebhookId } from '../../contract/domain/run-webhook.ts';
import type { Store } from '../../contract/store/store.ts';
import type { RunWriter } from '../state/run-writer.ts';
import { translateStorageFault } from '../storage-errors.ts';
import { webhooksOf, withWebhook } from '../webhooks/run-webhooks.ts';

export type WebhookServiceDeps = {
  readonly writer: Pick<RunWriter, 'amend'>;
  readonly store: Pick<Store, 'find' | 'outbox'>;
};

/** Receivers that are added to runs, listed, and removed. They are part of the run's state, so each change is a write of it. */
export class WebhookService {
  readonly #deps: WebhookServiceDeps;

  constructor(deps: WebhookServiceDeps) {
    this.#deps = deps;
  }

  async list(key: RunKey): Promise<readonly RunWebhook[]> {
    return webhooksOf(await this.#find(key));
  }

  async put(key: RunKey, added: NewRunWebhook): Promise<RunWebhook> {
    const [before, after] = await this.#change(key, (webhooks) => withWebhook(webhooks, added));
    const put = added.id === undefined ? after.at(-1) : after.find(({ id }) => id === added.id);
    if (put === undefined) throw new GatewayError('internal');
    const former = before.find(({ id }) => id === put.id);
    if (former !== undefined && former.url !== put.url) await this.#forget(key, put.id);
    return put;
  }

  async remove(key: RunKey, id: string): Promise<boolean> {
    const [before, after] = await this.#change(key, (webhooks) => {
      const left = webhooks.filter((webhook) => webhook.id !== id);
      return left.length < webhooks.length ? left : webhooks;
    });
    if (after === before) return false;
    await this.#forget(key, id);
    return true;
  }

  /** Writes what becomes of a run's receivers, however often the run changes in the meantime. */
  async #change(
    key: RunKey,
    change: (webhooks: readonly RunWebhook[]) => readonly RunWebhook[],
  ): Promise<readonly [before: readonly RunWebhook[], after: readonly RunWebhook[]]> {
    for (;;) {
      const run = await this.#find(key);
      const before = webhooksOf(run);
      const after = change(before);
      if (after === before) return [before, after];
      const written = await translateStorageFault(this.#deps.writer.amend({ ...run, webhooks: after }));
      if (written !== null) return [before, after];
    }
  }

  /** Where the process dies before, the dispatcher sees that the run has no such webhook. */
  async #forget({ runId }: RunKey, id: string): Promise<void> {
    const { outbox } = this.#deps.store;
    await translateStorageFault(outbox.forget(runId, id === requestWebhookId ? undefined : id));
  }

  /** From the store, so that a second try does not begin with what the first one began with. */
  async #find(key: RunKey): Promise<Run> {
    const run = await translateStorageFault(this.#deps.store.find(key));
    if (run === null) throw new GatewayError('run_not_found');
    return run;
  }
}
