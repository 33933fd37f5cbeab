import ipaddr from 'ipaddr.js';

/** Hosts and addresses that are allowed although they are not public: the operator's `webhooks.allow`. */
export type Exceptions = {
  /** Lower case, without a trailing dot. */
  readonly hosts: ReadonlySet<string>;
  readonly ranges: readonly AddressRange[];
};

type AddressRange = ReturnType<typeof ipaddr.parseCIDR>;

export const noExceptions: Exceptions = { hosts: new Set(), ranges: [] };

/** The only block of IPv6 that IANA allocates from (RFC 4291, section 2.4). */
const globalUnicast = ipaddr.parseCIDR('2000::/3');

/** Public by its class, but serves the metadata of a cloud's virtual machines. */
const metadataServices: ReadonlySet<string> = new Set(['168.63.129.16']);

const hostName = /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/;

/**
 * Whether an address belongs to the public internet. These do not: private, loopback, link-local, carrier-grade NAT,
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

/** Reads one entry of `webhooks.allow`: a host name, an address or a range such as `10.1.0.0/16`. Null when it is something else. */
export function parseException(entry: string): { readonly host: string } | { readonly range: AddressRange } | null {
  if (ipaddr.isValidCIDR(entry)) return { range: ipaddr.parseCIDR(entry) };
  // What looks like a number is meant as an address; a short form of one is a mistake, not a name.
  if (ipaddr.isValid(entry)) {
    const address = ipaddr.parse(entry);
    return address.toString() === entry.toLowerCase() ? { range: [address, address.toByteArray().length * 8] } : null;
  }
  const host = plainHost(entry);
  return hostName.test(host) && !/^[\d.]+$/.test(host) ? { host } : null;
}

/** Throws `TypeError` for an entry that is neither; the config has checked them. */
export function parseExceptions(entries: readonly string[]): Exceptions {
  const hosts = new Set<string>();
  const ranges: AddressRange[] = [];
  for (const entry of entries) {
    const exception = parseException(entry);
    if (exception === null) throw new TypeError(`${entry} is neither a host nor an address range`);
    if ('host' in exception) hosts.add(exception.host);
    else ranges.push(exception.range);
  }
  return { hosts, ranges };
}

/** Normalizes a URL's host for comparisons: lower case, without brackets and trailing dot. */
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
