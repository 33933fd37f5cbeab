import { Webhook } from 'standardwebhooks';
import type { Delivery } from '../../contract/domain/webhook.ts';

/** Gives the headers of one attempt. */
export type Signer = (delivery: Delivery, nowMs: number) => Readonly<Record<string, string>>;

/**
 * Signs as Standard Webhooks 1.0 says, with every secret, the first one's signature first: while secrets are changed, a
 * receiver that knows either is content. Throws where a secret is not base64.
 */
export function createSigner(secrets: readonly string[]): Signer {
  const hooks = secrets.map((secret) => new Webhook(secret));
  return ({ runId, seq, body }, nowMs) => {
    // The same for each attempt: a receiver that sees it twice drops the second.
    const id = `msg_${runId}_${seq}`;
    // Whole seconds, as the header has them.
    const at = new Date(Math.floor(nowMs / 1000) * 1000);
    return {
      'content-type': 'application/json',
      'user-agent': 'rungate',
      'webhook-id': id,
      'webhook-timestamp': String(at.getTime() / 1000),
      'webhook-signature': hooks.map((hook) => hook.sign(id, at, body)).join(' '),
    };
  };
}
