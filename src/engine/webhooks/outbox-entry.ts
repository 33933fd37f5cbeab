import { assertNever } from '../../contract/domain/assert-never.ts';
import type { Run, RunPhase } from '../../contract/domain/run.ts';
import { requestWebhookId, type WebhookEvents } from '../../contract/domain/run-webhook.ts';
import type { Delivery, NewDelivery } from '../../contract/domain/webhook.ts';
import { webhooksOf } from './run-webhooks.ts';

/** The deliveries that a change of a run owes its receivers. */
export function outboxEntriesOf(before: Run, after: Run): readonly NewDelivery[] {
  if (before.phase === after.phase) return [];
  return webhooksOf(after)
    .filter(({ events }) => isWanted(events, before, after))
    .map(({ id, url }) => ({
      runId: after.runId,
      ...(id === requestWebhookId ? {} : { webhook: id }),
      // Each version of a run is written once, so its number identifies the change across retries.
      seq: after.version,
      tenant: after.tenant,
      url,
      receiver: receiverOf({ tenant: after.tenant, url }),
      body: '',
      phase: after.phase,
      createdAtMs: after.updatedAtMs,
    }));
}

function isWanted(events: WebhookEvents, before: Run, after: Run): boolean {
  switch (events) {
    case 'progress':
      return progressIn(before.phase) !== progressIn(after.phase);
    case 'status':
      return before.status !== after.status;
    case 'end':
      return after.phase === 'done';
    case 'success':
      return after.status === 'success';
    default:
      return assertNever(events);
  }
}

function progressIn(phase: RunPhase): 'waiting' | 'under way' | 'interrupted' | 'done' {
  switch (phase) {
    case 'queued':
    case 'starting':
      return 'waiting';
    case 'running':
    case 'resuming':
    case 'delivering':
      return 'under way';
    case 'interrupted':
    case 'done':
      return phase;
    default:
      return assertNever(phase);
  }
}

/**
 * The run as it was when the delivery was owed, given the run as it is now. A run that is done does not change any more.
 * The outcome of one that was not done then is left out, and the vendor's last answer: a webhook says that a run is
 * interrupted, not by what.
 */
export function runAt(run: Run, { seq: version, createdAtMs: updatedAtMs }: Delivery, phase: RunPhase): Run {
  if (phase === 'done') return run;
  const status = phase === 'interrupted' ? phase : 'pending';
  return { ...run, phase, status, outcome: null, vendor: undefined, version, updatedAtMs };
}

/** The tenant in a receiver's name. */
export function tenantOfReceiver(receiver: string): string {
  return receiver.split('\n', 1)[0] ?? '';
}

/** Sorts after every receiver of the tenant and before those of the next one: no tenant has control characters. */
export function afterReceiversOf(tenant: string): string {
  return `${tenant}\v`;
}

/**
 * A receiver's name: the tenant, and host and port of the URL. Deliveries to one receiver wait for each other. Sorted by
 * name, the receivers of a tenant are adjacent.
 */
export function receiverOf({ tenant, url }: { readonly tenant: string; readonly url: string }): string {
  return `${tenant}\n${URL.parse(url)?.host ?? ''}`;
}
