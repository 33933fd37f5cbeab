import { isIP } from 'node:net';
import { allowsAddress, allowsHost, type Exceptions, plainHost } from './ssrf-address.ts';

/** Names that never lead to the public internet (RFC 6761, RFC 6762, RFC 8375, and ICANN's `internal`). */
const privateNames = /(^|\.)(localhost|local|internal|home\.arpa)$/;

const maxUrlLength = 8192;

/**
 * Why a client's URL is refused, in words that follow its path; null when it is accepted. Judges the text alone: where a
 * name leads is checked when a connection is opened, see `buildGuardedConnector`.
 */
export function refuseUrl(text: string, exceptions: Exceptions): string | null {
  const url = text.length > maxUrlLength ? null : URL.parse(text);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) return 'must be an http or https URL';
  if (url.username !== '' || url.password !== '') return 'must hold no user and no password';
  return refuseHost(url.hostname, exceptions);
}

/** The same for a proxy's URL: any scheme, or none, and credentials where the proxy wants some. */
export function refuseProxyUrl(text: string, exceptions: Exceptions): string | null {
  // Only for http URLs does the parser normalize every way to write an IPv4 address.
  const url = text.length > maxUrlLength ? null : URL.parse(`http://${text.replace(/^[a-z][a-z0-9+.-]*:\/\//i, '')}`);
  return url === null ? 'must be a URL' : refuseHost(url.hostname, exceptions);
}

function refuseHost(hostname: string, exceptions: Exceptions): string | null {
  const host = plainHost(hostname);
  if (allowsHost(exceptions, host)) return null;
  if (isIP(host) !== 0) return allowsAddress(exceptions, host, host) ? null : 'must not lead to a private address';
  return !host.includes('.') || privateNames.test(host) ? 'must not lead to a private name' : null;
}
