import type { Run, RunPhase } from '../../contract/domain/run.ts';
import type { Delivery, NewDelivery } from '../../contract/domain/webhook.ts';

/** The delivery that a change of a run owes its receiver; undefined where the outward status did not change. */
export function outboxEntryOf(before: Run, after: Run): NewDelivery | undefined {
  const { webhook, webhookTerms } = after.request;
  if (webhook === undefined || before.status === after.status) return undefined;
  if (webhookTerms?.only !== undefined && after.phase !== 'done') return undefined;
  if (webhookTerms?.only === 'success' && after.status !== 'success') return undefined;
  return {
    runId: after.runId,
    // Each version of a run is written once, so its number identifies the change across retries.
    seq: after.version,
    tenant: after.tenant,
    url: webhook,
    receiver: receiverOf({ tenant: after.tenant, url: webhook }),
    body: '',
    phase: after.phase,
    createdAtMs: after.updatedAtMs,
  };
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
