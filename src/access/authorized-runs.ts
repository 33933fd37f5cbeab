import { randomUUID } from 'node:crypto';
import type { ClientApi } from '../contract/api/api.ts';
import type {
  CancelOptions,
  CreatedRun,
  CreateRun,
  JoinThread,
  QuestionAnswers,
  ResumedRun,
  ResumeOptions,
  Runs,
} from '../contract/api/runs.ts';
import { GatewayError } from '../contract/domain/errors.ts';
import type { EventBatches, RunEvent } from '../contract/domain/event.ts';
import type { Json } from '../contract/domain/json.ts';
import type { Principal } from '../contract/domain/principal.ts';
import type { Run, RunKey, RunSummary } from '../contract/domain/run.ts';
import type { NewRunWebhook, RunWebhook } from '../contract/domain/run-webhook.ts';
import type { Rows } from '../contract/store/rows.ts';
import type { RunConditions, RunQuery } from '../contract/store/store.ts';
import { refuseUrl } from '../upstream/ssrf-url.ts';
import { type AgentScope, noRows } from './agent-scope.ts';
import { type AccessBounds, checkMetadata } from './bounds.ts';
import { usageKeyOf } from './principals.ts';

/** Runs as one principal may see and make them. Runs of other agents do not exist for it. */
export class AuthorizedRuns implements Runs {
  readonly #api: ClientApi;
  readonly #scope: AgentScope;
  readonly #bounds: AccessBounds;
  readonly #principal: Principal;

  constructor(api: ClientApi, scope: AgentScope, bounds: AccessBounds, principal: Principal) {
    this.#api = api;
    this.#scope = scope;
    this.#bounds = bounds;
    this.#principal = principal;
  }

  async create(command: CreateRun): Promise<CreatedRun> {
    const { metadata, webhook } = command.request;
    checkMetadata(metadata, this.#bounds);
    checkMetadata(command.thread?.metadata, this.#bounds);
    if (webhook !== undefined) this.#checkWebhook('webhook', webhook);
    for (const { url } of command.webhooks ?? []) this.#checkWebhook('url', url);
    const { usable } = this.#scope;
    const { liveRuns } = this.#principal.limits;
    if (usable === null && liveRuns === null) return await this.#api.runs.create(command);
    return await this.#api.runs.create({
      ...command,
      thread: await this.#hideThread(command),
      agents: usable ?? undefined,
      quota: liveRuns === null ? undefined : { name: usageKeyOf(this.#principal), maxLive: liveRuns },
    });
  }

  get(key: RunKey): Promise<Run> {
    return this.#scope.visibleIds === null ? this.#api.runs.get(key) : this.#getVisible(key);
  }

  async #getVisible(key: RunKey): Promise<Run> {
    return this.#scope.checkRun(await this.#api.runs.get(key));
  }

  async poll(key: RunKey): Promise<Run> {
    await this.#check(key);
    return await this.#api.runs.poll(key);
  }

  async wait(key: RunKey, blockMs: number, signal: AbortSignal): Promise<Run> {
    await this.#check(key);
    return await this.#api.runs.wait(key, blockMs, signal);
  }

  async watch(key: RunKey, afterSeq: number): Promise<EventBatches<RunEvent>> {
    await this.#check(key);
    return await this.#api.runs.watch(key, afterSeq);
  }

  async resume(key: RunKey, payload: Json, { action: _, ...options }: ResumeOptions = {}): Promise<ResumedRun> {
    await this.#check(key);
    return await this.#api.runs.resume(key, payload, options);
  }

  async answer(key: RunKey, answers: QuestionAnswers): Promise<Run> {
    await this.#check(key);
    return await this.#api.runs.answer(key, answers);
  }

  async cancel(key: RunKey, options: CancelOptions): Promise<Run> {
    await this.#check(key);
    return await this.#api.runs.cancel(key, options);
  }

  async delete(key: RunKey): Promise<Run> {
    await this.#check(key);
    return await this.#api.runs.delete(key);
  }

  search(query: RunQuery): Rows<RunSummary> {
    const narrowed = this.#scope.narrow(query);
    return narrowed === null ? noRows() : this.#api.runs.search(narrowed);
  }

  async count(conditions: RunConditions): Promise<number> {
    const narrowed = this.#scope.narrow(conditions);
    return narrowed === null ? 0 : await this.#api.runs.count(narrowed);
  }

  async webhooks(key: RunKey): Promise<readonly RunWebhook[]> {
    await this.#check(key);
    return await this.#api.runs.webhooks(key);
  }

  async putWebhook(key: RunKey, webhook: NewRunWebhook): Promise<RunWebhook> {
    await this.#check(key);
    this.#checkWebhook('url', webhook.url);
    return await this.#api.runs.putWebhook(key, webhook);
  }

  async removeWebhook(key: RunKey, id: string): Promise<boolean> {
    await this.#check(key);
    return await this.#api.runs.removeWebhook(key, id);
  }

  /** Throws `invalid_request` for a URL that the gateway does not call. */
  #checkWebhook(path: string, url: string): void {
    const refusal = this.#bounds.callsWebhooks
      ? refuseUrl(url, this.#bounds.exceptions)
      : 'cannot be called: the config has neither webhooks.secrets nor webhooks.unsigned';
    if (refusal !== null) throw new GatewayError('invalid_request', { path, detail: refusal });
  }

  /** Throws `run_not_found` for a run that the principal may not see. */
  async #check(key: RunKey): Promise<void> {
    if (this.#scope.visibleIds !== null) await this.get(key);
  }

  /**
   * Replaces a thread that the principal may not see by one that does not exist, so that the run is refused for the same
   * reasons, in the same order, as for a thread that is not there.
   */
  async #hideThread({ tenant, thread }: CreateRun): Promise<JoinThread | undefined> {
    if (this.#scope.visibleIds === null || thread === undefined) return thread;
    const key = await this.#api.threads.keyOf(tenant, thread);
    const found = await this.#api.threads.get(key).catch((error: unknown) => {
      if (error instanceof GatewayError && error.code === 'thread_not_found') return null;
      throw error;
    });
    if (found === null || this.#scope.maySee(found)) return thread;
    return { threadId: randomUUID(), ifNotExists: 'reject', whenBusy: thread.whenBusy };
  }
}
