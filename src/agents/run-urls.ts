import type { Adapter } from '../contract/adapter/adapter.ts';
import type { Check } from '../contract/domain/agent.ts';
import { isJsonObject } from '../json/json-object.ts';
import type { Exceptions } from '../upstream/ssrf-address.ts';
import { refuseProxyUrl, refuseUrl } from '../upstream/ssrf-url.ts';

/**
 * A check of the URLs that a run's config brings for the vendor to connect to. Where a name leads is the vendor's to
 * find out; but no client gets the vendor to try an address of a private network for it.
 */
export function checkRunUrls(adapter: Adapter, exceptions: Exceptions): Check {
  return (config) => {
    const urls = isJsonObject(config) ? (adapter.urlsOf?.(config) ?? []) : [];
    for (const { path, url, isProxy } of urls) {
      const refusal = isProxy ? refuseProxyUrl(url, exceptions) : refuseUrl(url, exceptions);
      if (refusal !== null) return { path: `config/${path}`, message: refusal };
    }
    return null;
  };
}
