import { type CallBase, type CallRule, UpstreamFault } from '../contract/adapter/http.ts';
import { classifyFault } from './fault-rule.ts';
import type { Exceptions } from './ssrf-address.ts';
import { refuseUrl } from './ssrf-url.ts';

/** Where a call goes, and what may go with it. */
export type CallPlace = {
  readonly origin: string;
  /** Put before the path of the call. */
  readonly prefix: string;
  /** Whether it is the vendor's as far as the operator said so: only then credentials and headers go along. */
  readonly isTrusted: boolean;
};

/** More hosts than any config names; beyond it, each is read again. */
const maxKept = 256;

/** Finds the places of one backend's calls. */
export class CallPlaces {
  readonly #own: CallPlace;
  readonly #exceptions: Exceptions;
  readonly #configured = new Map<string, CallPlace>();

  constructor(base: URL, exceptions: Exceptions) {
    this.#own = placeOf(base);
    this.#exceptions = exceptions;
  }

  /** Throws {@link UpstreamFault} for an address of an answer that must not be called. */
  find(base: CallBase | undefined, rule: CallRule): CallPlace {
    if (base === undefined) return this.#own;
    return base.kind === 'configured' ? this.#findConfigured(base.url) : this.#findAnswered(base.url, rule);
  }

  #findConfigured(url: string): CallPlace {
    const known = this.#configured.get(url);
    if (known !== undefined) return known;
    const place = placeOf(new URL(url));
    if (this.#configured.size < maxKept) this.#configured.set(url, place);
    return place;
  }

  #findAnswered(text: string, rule: CallRule): CallPlace {
    const url = URL.parse(text);
    const isOwn = url !== null && url.origin === this.#own.origin && url.username === '' && url.password === '';
    const refusal = isOwn ? null : refuseUrl(text, this.#exceptions);
    if (url === null || refusal !== null) {
      const message = `the address in the vendor's answer ${refusal ?? 'must be a URL'}`;
      throw new UpstreamFault({ consequence: classifyFault(rule, { kind: 'unsendable' }), kind: 'malformed', message });
    }
    return { origin: url.origin, prefix: url.pathname + url.search, isTrusted: isOwn };
  }
}

function placeOf({ origin, pathname }: URL): CallPlace {
  return { origin, prefix: pathname.replace(/\/+$/, ''), isTrusted: true };
}
