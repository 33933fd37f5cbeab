import { Resolver, lookup as systemLookup } from 'node:dns/promises';
import { isIP, isIPv6, type LookupFunction, type Socket } from 'node:net';
import type { buildConnector } from 'undici';
import { connectOutside } from './connector.ts';
import { allowsAddress, allowsHost, type Exceptions, plainHost } from './ssrf-address.ts';

export type GuardOptions = {
  readonly exceptions: Exceptions;
  /** Bounds TCP and TLS together. */
  readonly connectTimeoutMs: number;
  /** Name servers as `address:port`; left out, the system's. */
  readonly nameServers?: readonly string[] | undefined;
};

/** The URL leads to an address that clients must not reach through the gateway. Nothing was sent. */
export class ForbiddenAddress extends Error {
  readonly code = 'ERR_FORBIDDEN_ADDRESS';

  constructor(host: string) {
    super(`${host} leads to an address that is not public`);
    this.name = 'ForbiddenAddress';
  }
}

type Found = { readonly address: string; readonly family: number };

/**
 * Opens connections to public addresses only. A name is resolved once for each connection, every address of the answer
 * is checked, and the socket goes to a checked one: there is no second look-up that a name server could answer differently.
 */
export function buildGuardedConnector(options: GuardOptions): buildConnector.connector {
  const { exceptions, connectTimeoutMs } = options;
  const connect = connectOutside({ timeout: connectTimeoutMs, allowH2: false, lookup: guardLookup(options) });
  return (target, done) => {
    const host = plainHost(target.hostname);
    // An address is not looked up.
    if (isIP(host) !== 0 && !allowsAddress(exceptions, host, host)) {
      done(new ForbiddenAddress(host), null);
      return;
    }
    connect(target, (...outcome) => {
      const [error, socket] = outcome;
      if (error === null && !isAllowedPeer(socket, host, exceptions)) {
        socket.destroy();
        done(new ForbiddenAddress(host), null);
      } else done(...outcome);
    });
  };
}

/** Checks the socket that will carry the request. */
function isAllowedPeer(socket: Socket, host: string, exceptions: Exceptions): boolean {
  return socket.remoteAddress !== undefined && allowsAddress(exceptions, host, socket.remoteAddress);
}

function guardLookup(options: GuardOptions): LookupFunction {
  const resolve = buildResolver(options);
  return (hostname, { all }, done) => {
    resolve(hostname).then(
      ([first, ...others]) => {
        if (all === true) done(null, [first, ...others]);
        else done(null, first.address, first.family);
      },
      (error: unknown) => done(error instanceof Error ? error : new Error('the name was not found'), []),
    );
  };
}

/** Resolves a name to checked addresses; rejects where there is none, or any that is not allowed. */
function buildResolver({ exceptions, nameServers }: GuardOptions): (host: string) => Promise<[Found, ...Found[]]> {
  const resolver = new Resolver({ timeout: 2000, tries: 2 });
  if (nameServers !== undefined) resolver.setServers(nameServers);

  /** Avoids the system's look-up, which holds one of a few threads: a name server of a client's choice may be slow. */
  async function resolveUntrusted(host: string): Promise<readonly Found[]> {
    const answers = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
    const found = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    const refusal = answers.find((answer) => answer.status === 'rejected');
    if (found.length === 0 && refusal !== undefined) throw refusal.reason;
    return found.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }));
  }

  return async (host) => {
    // Names that the operator trusts may stand in the hosts file or in a search domain.
    const isTrusted = allowsHost(exceptions, host);
    const [first, ...others] = isTrusted ? await systemLookup(host, { all: true }) : await resolveUntrusted(host);
    // One forbidden address among allowed ones is suspicious enough.
    const isForbidden = [first, ...others].some((each) => !each || !allowsAddress(exceptions, host, each.address));
    if (first === undefined || isForbidden) throw new ForbiddenAddress(host);
    return [first, ...others];
  };
}
