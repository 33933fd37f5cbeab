import ipaddr from 'ipaddr.js';

/** A name or an address, and a port. Percent-encoding and names outside ASCII are not sent by clients. */
const authority = /^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d{0,5})?$/i;

/**
 * The host of a `Host` header or of a config, in the form in which two of them can be compared: lower case, without port
 * and trailing dot, an IPv6 address in brackets. Null for a text that names no host.
 */
export function readHostName(text: string): string | null {
  if (!authority.test(text)) return null;
  const name = URL.parse(`http://${text}/`)?.hostname.replace(/\.$/, '');
  return name === undefined || name === '' ? null : name;
}

/** The same of a text without a port, in which an address of IPv6 needs no brackets. */
export function readPlainHost(text: string): string | null {
  const host = ipaddr.IPv6.isValid(text) ? `[${text}]` : text;
  return /:\d*$/.test(host) ? null : readHostName(host);
}

/** Whether a server that listens on `host` can be reached from this machine alone. */
export function isLoopbackHost(host: string): boolean {
  const name = host.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  if (name === 'localhost') return true;
  return ipaddr.isValid(name) && ipaddr.process(name).range() === 'loopback';
}

/** Whether a URL with this host leads to the machine that opens it, whatever a name server says (RFC 6761, section 6.3). */
export function isLoopbackName(name: string): boolean {
  return isLoopbackHost(name) || name.endsWith('.localhost');
}
