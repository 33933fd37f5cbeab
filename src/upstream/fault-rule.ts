import type { Consequence, UpstreamOperation } from '../contract/adapter/http.ts';
import { assertNever } from '../contract/domain/assert-never.ts';

/** What became of a call that did not succeed. `sent` says whether a byte of the request may have left. */
export type Happening =
  | { readonly kind: 'refused' | 'reset' | 'unsendable' }
  | { readonly kind: 'timeout' | 'aborted'; readonly sent: boolean }
  | { readonly kind: 'cut' | 'malformed' | 'too-large' }
  | { readonly kind: 'http-status'; readonly status: number };

/**
 * What a happening means for the run; pure (issue table "vendor faults").
 *
 * A start or a delivery is asked again only where the vendor cannot have acted on it. An observation can always
 * be asked again, so nothing but "not found" is more than a delay.
 */
export function judge(operation: UpstreamOperation, happening: Happening): Consequence {
  switch (operation) {
    case 'start':
    case 'resume':
      return judgeOnce(happening);
    case 'observe':
      return isNotFound(happening) ? 'gone' : 'retry';
    case 'cancel':
      return judgeCancel(happening);
    default:
      return assertNever(operation);
  }
}

function judgeOnce(happening: Happening): Consequence {
  switch (happening.kind) {
    case 'refused':
    case 'reset':
      return 'retry';
    case 'unsendable':
      return 'rejected';
    case 'timeout':
    case 'aborted':
      return happening.sent ? 'unknown' : 'retry';
    case 'cut':
    case 'malformed':
    case 'too-large':
      return 'unknown';
    case 'http-status':
      return judgeStatusOnce(happening.status);
    default:
      return assertNever(happening);
  }
}

function judgeStatusOnce(status: number): Consequence {
  if (status === 425 || status === 429 || status === 503) return 'retry';
  // 408 can be a proxy that gave up on a vendor that is still at work.
  if (status === 408 || status >= 500) return 'unknown';
  return 'rejected';
}

/** To cancel twice is harmless; what the vendor refuses for good is not asked again. */
function judgeCancel(happening: Happening): Consequence {
  if (isNotFound(happening)) return 'gone';
  if (happening.kind === 'unsendable') return 'rejected';
  if (happening.kind !== 'http-status') return 'retry';
  return judgeStatusOnce(happening.status) === 'rejected' ? 'rejected' : 'retry';
}

function isNotFound(happening: Happening): boolean {
  return happening.kind === 'http-status' && (happening.status === 404 || happening.status === 410);
}
