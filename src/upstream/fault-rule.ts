import type { CallRule, Consequence } from '../contract/adapter/http.ts';
import { assertNever } from '../contract/domain/assert-never.ts';

/** Why a call did not succeed. `sent` says whether a byte of the request may have left. */
export type Happening =
  | { readonly kind: 'refused' | 'reset' | 'unsendable' | 'forbidden' }
  | { readonly kind: 'timeout' | 'aborted'; readonly sent: boolean }
  | { readonly kind: 'cut' | 'malformed' | 'too-large' }
  /** `isVendors`: the answer is the vendor's own, not that of a proxy in between, as far as it shows. */
  | { readonly kind: 'http-status'; readonly status: number; readonly isVendors: boolean };

/**
 * What a happening means for the run; pure. It follows from whether the call may be sent again, and from the rows that
 * the call brings along for refusals; the table is in `docs/vendors/writing-an-adapter.md`.
 */
export function classifyFault(rule: CallRule, happening: Happening): Consequence {
  const { refused = 'rejected' } = rule.faults ?? {};
  const lostAnswer: Consequence = rule.retry === 'safe' ? 'retry' : 'unknown';
  switch (happening.kind) {
    case 'refused':
    case 'reset':
      return 'retry';
    case 'unsendable':
    case 'forbidden':
      return refused;
    case 'timeout':
    case 'aborted':
      return happening.sent ? lostAnswer : 'retry';
    case 'cut':
    case 'malformed':
    case 'too-large':
      return lostAnswer;
    case 'http-status':
      return classifyStatus(happening.status, {
        lostAnswer,
        refused,
        notFound: rule.faults?.notFound ?? refused,
        busy: rule.faults?.busy ?? (happening.isVendors ? 'retry' : lostAnswer),
      });
    default:
      return assertNever(happening);
  }
}

function classifyStatus(
  status: number,
  means: { readonly [when in 'lostAnswer' | 'refused' | 'notFound' | 'busy']: Consequence },
): Consequence {
  if (status === 425) return 'retry';
  if (status === 429 || status === 503) return means.busy;
  // 408 can be a proxy that gave up on a vendor that is still at work.
  if (status === 408 || status >= 500) return means.lostAnswer;
  return status === 404 || status === 410 ? means.notFound : means.refused;
}
