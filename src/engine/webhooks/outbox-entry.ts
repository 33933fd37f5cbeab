import type { Run } from '../../contract/domain/run.ts';
import type { NewDelivery, RunEncoder } from '../../contract/domain/webhook.ts';
import { receiverOf } from './receivers.ts';

/** What a run's receiver is to be told of a change; undefined where its outward status did not change. */
export function outboxEntryOf(before: Run, after: Run, encodeRun: RunEncoder): NewDelivery | undefined {
  const { webhook } = after.request;
  if (webhook === undefined || before.status === after.status) return undefined;
  return {
    runId: after.runId,
    // Each version of a run is written once, so the number names the change, also over retries.
    seq: after.version,
    tenant: after.tenant,
    url: webhook,
    receiver: receiverOf({ tenant: after.tenant, url: webhook }),
    body: encodeRun(after),
    createdAtMs: after.updatedAtMs,
  };
}
