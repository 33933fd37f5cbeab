import { assertNever } from '../../contract/domain/assert-never.ts';
import type { Delivery, Settlement, WebhookAnswer } from '../../contract/domain/webhook.ts';
import { backoffMs } from '../backoff.ts';

const retryBackoff = { firstMs: 5000, maxMs: 3_600_000, growth: 3, jitterShare: 0.5 };

const gone = 410;

/** The delay after this many attempts. `random` is in [0, 1); 0 gives the whole delay. */
export function nextDelayMs(attempts: number, random: number): number {
  return Math.round(backoffMs(retryBackoff, attempts - 1, 1 - random));
}

/** The settlement of a delivery after an attempt; a pure function. */
export function decideRetry(
  { attempts, sinceMs }: Delivery,
  answer: WebhookAnswer,
  { nowMs, random, giveUpMs }: { readonly nowMs: number; readonly random: number; readonly giveUpMs: number },
): Settlement {
  const failure = failureOf(answer);
  if (failure === null) return { kind: 'delivered' };
  const isAnswered = answer.kind === 'answered';
  if (isAnswered && answer.status === gone) return { kind: 'stopped', failure };
  const askedMs = isAnswered ? Math.min(answer.retryAfterMs ?? 0, retryBackoff.maxMs) : 0;
  const delayMs = Math.max(nextDelayMs(attempts + 1, random), Math.ceil(askedMs));
  return nowMs + delayMs > sinceMs + giveUpMs ? { kind: 'failed', failure } : { kind: 'retry', delayMs, failure };
}

/** Why the attempt failed; null where the receiver accepted the delivery. */
function failureOf(answer: WebhookAnswer): string | null {
  switch (answer.kind) {
    case 'answered':
      return answer.status >= 200 && answer.status < 300 ? null : `the receiver answered ${answer.status}`;
    case 'forbidden':
    case 'failed':
      return answer.reason;
    default:
      return assertNever(answer);
  }
}
