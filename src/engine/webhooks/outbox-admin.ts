import type { Delivery, Outbox } from '../../contract/domain/webhook.ts';

/** `failed`: only deliveries that were given up, or stopped by the receiver. */
export type Which = { readonly runId: string | undefined; readonly failed: boolean };

const maxListed = 1000;
const ended = ['failed', 'stopped'] as const;

/**
 * The deliveries of one run, or the waiting and failed ones of all runs; one a line, newest first. URLs are shown without
 * their query, where receivers keep secrets. Rejects with `StorageFault`.
 */
export async function listDeliveries(outbox: Outbox, { runId, failed }: Which): Promise<string> {
  const states = failed ? ended : runId === undefined ? (['waiting', ...ended] as const) : undefined;
  const found = await outbox.list({ runId, states, limit: maxListed });
  const lines = found.map((delivery) => `${sayDelivery(delivery)}\n`).join('');
  const more = found.length < maxListed ? '' : `only the newest ${maxListed} are shown\n`;
  return found.length === 0 ? 'no deliveries\n' : lines + more;
}

/** Makes given up and stopped deliveries (without `failed` also waiting ones) due now; resolves with their number. */
export function redriveDeliveries(outbox: Outbox, { runId, failed }: Which, nowMs: number): Promise<number> {
  return outbox.redrive({ runId, states: failed ? ended : ['waiting', ...ended], nowMs });
}

function sayDelivery(delivery: Delivery): string {
  const { runId, webhook, seq, tenant, url, state, attempts, createdAtMs, dueAtMs, failure } = delivery;
  const { origin, pathname } = new URL(url);
  const due = state === 'waiting' ? ` due=${dueAtMs <= createdAtMs ? 'now' : new Date(dueAtMs).toISOString()}` : '';
  const reason = failure === null ? '' : ` (${failure})`;
  const made = new Date(createdAtMs).toISOString();
  const named = webhook === undefined ? '' : ` webhook=${JSON.stringify(webhook)}`;
  return `${made} ${state} run=${runId}${named} seq=${seq} tenant=${tenant} attempts=${attempts}${due} ${origin}${pathname}${reason}`;
}
