import { createHash } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import type { Delivery } from '../../contract/domain/webhook.ts';

/** The headers of one attempt. */
export type Signer = (delivery: Delivery, nowMs: number) => Readonly<Record<string, string>>;

/**
 * Signs by Standard Webhooks 1.0 with every secret, the first one's signature first, so that during a rotation receivers
 * with either secret can verify. Without secrets there is no signature. Throws where a secret is not base64.
 */
export function createSigner(secrets: readonly string[]): Signer {
  const hooks = secrets.map((secret) => new Webhook(secret));
  return ({ runId, webhook, seq, body }, nowMs) => {
    // The same for each attempt, so that receivers can drop a repeated delivery. Ids of webhooks are any text of a client.
    const id = `msg_${runId}_${seq}${webhook === undefined ? '' : `_${digestOf(webhook)}`}`;
    // Whole seconds, as the header has them.
    const at = new Date(Math.floor(nowMs / 1000) * 1000);
    return {
      'content-type': 'application/json',
      'user-agent': 'rungate',
      'webhook-id': id,
      'webhook-timestamp': String(at.getTime() / 1000),
      ...(hooks.length === 0 ? {} : { 'webhook-signature': hooks.map((hook) => hook.sign(id, at, body)).join(' ') }),
    };
  };
}

function digestOf(webhook: string): string {
  return createHash('sha256').update(webhook).digest('hex').slice(0, 16);
}
