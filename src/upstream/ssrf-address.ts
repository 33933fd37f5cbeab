import ipaddr from 'ipaddr.js';

/** Who is let through although the address classes say no: what the operator wrote under `webhooks.allow`. */
export type Exceptions = {
  /** Lower case, without a trailing dot. */
  readonly hosts: ReadonlySet<string>;
  readonly ranges: readonly AddressRange[];
};

type AddressRange = ReturnType<typeof ipaddr.parseCIDR>;

export const noExceptions: Exceptions = { hosts: new Set(), ranges: [] };

/** IPv6 addresses are given out in this block only (RFC 4291, section 2.4 and IANA's registry). */
const globalUnicast = ipaddr.parseCIDR('2000::/3');

/** Public by its class, but it answers for the metadata of a cloud's machine. */
const metadataServices: ReadonlySet<string> = new Set(['168.63.129.16']);

const hostName = /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/;

/**
 * Whether an address belongs to the public internet. Not so: private, loopback, link-local, carrier-grade NAT,
 * multicast, unspecified and reserved ones, and IPv6 forms that lead to an IPv4 address (mapped, NAT64, 6to4, Teredo).
 */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.parse(address);
  if (metadataServices.has(parsed.toString())) return false;
  return parsed.range() === 'unicast' && (parsed.kind() === 'ipv4' || parsed.match(globalUnicast));
}

/** Whether a connection to `address` may be opened for a URL that names `host`. */
export function allowsAddress(exceptions: Exceptions, host: string, address: string): boolean {
  return allowsHost(exceptions, host) || isPublicAddress(address) || isInRanges(exceptions, address);
}

/** Whether the operator trusts the name, wherever it leads. */
export function allowsHost({ hosts }: Exceptions, host: string): boolean {
  return hosts.has(plainHost(host));
}

/** Reads one entry of `webhooks.allow`: a host name, an address or a range such as `10.1.0.0/16`. Null: none of these. */
export function parseException(entry: string): { readonly host: string } | { readonly range: AddressRange } | null {
  if (ipaddr.isValidCIDR(entry)) return { range: ipaddr.parseCIDR(entry) };
  // What looks like a number is meant as an address; a short form of one is a mistake rather than a name.
  if (ipaddr.isValid(entry)) {
    const address = ipaddr.parse(entry);
    return address.toString() === entry.toLowerCase() ? { range: [address, address.toByteArray().length * 8] } : null;
  }
  const host = plainHost(entry);
  return hostName.test(host) && !/^[\d.]+$/.test(host) ? { host } : null;
}

/** Throws `TypeError` for an entry that is none: the config has checked them. */
export function parseExceptions(entries: readonly string[]): Exceptions {
  const hosts = new Set<string>();
  const ranges: AddressRange[] = [];
  for (const entry of entries) {
    const exception = parseException(entry);
    if (exception === null) throw new TypeError(`${entry} is no host and no address range`);
    if ('host' in exception) hosts.add(exception.host);
    else ranges.push(exception.range);
  }
  return { hosts, ranges };
}

/** A host of a URL as names and addresses are compared: lower case, no brackets, no trailing dot. */
export function plainHost(host: string): string {
  return host
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '');
}

function isInRanges({ ranges }: Exceptions, address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.parse(address);
  return ranges.some((range) => range[0].kind() === parsed.kind() && parsed.match(range));
}
