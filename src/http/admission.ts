import type { IncomingMessage } from 'node:http';
import type { Context, Middleware } from 'koa';
import { LRUCache } from 'lru-cache';
import { GatewayError } from '../contract/domain/errors.ts';
import { isLoopbackHost, isLoopbackName, readHostName, readPlainHost } from '../validation/host-name.ts';

export type AdmissionOptions = {
  /** Host names of the gateway, in addition to those of the loopback. Null: requests may name any host. */
  readonly hosts: readonly string[] | null;
  /** Origins whose pages may call the gateway; `*`: all. */
  readonly origins: readonly string[];
  /** Requests need credentials, which a page of another site does not have. */
  readonly isProtected: boolean;
  /** Paths that a link on another site may lead to. */
  readonly pages: ReadonlySet<string>;
};

/** A name that a client made up is sent back, so it is kept short. */
const maxQuoted = 100;
const maxKnownHosts = 1000;
/** The longest host name and a port. */
const maxRememberedLength = 260;

/**
 * Probes and monitoring call by address or by a name of their own, and read nothing of runs; a push has a token in its
 * path.
 */
const anyHostPaths: ReadonlySet<string> = new Set(['/health/live', '/health/ready', '/metrics']);
const pushPath = /^\/push\/[^/]+\/[^/]+$/;

/**
 * Refuses what a page of another site makes a browser send, directly or through a host name of its own that leads here
 * (DNS rebinding), and requests that name two hosts. Throws `malformed_request`, `host_forbidden` or `origin_forbidden`.
 */
export function admitRequests({ hosts, origins, isProtected, pages }: AdmissionOptions): Middleware {
  const hostNames = hosts === null || hosts.includes('*') ? null : new Set(hosts.map(readPlainHost));
  // Nearly all requests name one of a few hosts.
  const known = new LRUCache<string, boolean>({ max: maxKnownHosts });

  function isServed(host: string): boolean {
    const seen = known.get(host);
    if (seen !== undefined) return seen;
    const name = readHostName(host);
    if (name === null) throw new GatewayError('malformed_request', { detail: 'Host names no host' });
    const served = hostNames === null || hostNames.has(name) || isLoopbackName(name);
    // A longer one is no name, and memory is for those that come again.
    if (host.length <= maxRememberedLength) known.set(host, served);
    return served;
  }

  function checkHosts(context: Context): void {
    const { req } = context;
    const { host } = req.headers;
    if (host !== undefined && known.get(host) === true && namesPath(req)) return;
    const { path } = context;
    if (anyHostPaths.has(path) || pushPath.test(path)) return;
    for (const host of hostsOf(req)) if (!isServed(host)) throw refuseHost(host);
  }

  function checkOrigin(context: Context): void {
    const { origin, 'sec-fetch-site': site } = context.req.headers;
    if (origin === undefined && site === undefined) return;
    if (isListed(origin, origins)) return;
    const isForeign = origin !== undefined && !isOwn(origin, context.req);
    // Several of these headers, and values of later versions, are none of those that are known to be harmless.
    const isFromHere = site === undefined || site === 'same-origin' || site === 'none';
    if (!isForeign && (isFromHere || (origin === undefined && isVisit(context, pages)))) return;
    context.vary('Origin');
    throw refuseOrigin(origin);
  }

  return (context, next) => {
    refuseSecondHost(context);
    if (hostNames !== null) checkHosts(context);
    if (!isProtected) checkOrigin(context);
    return next();
  };
}

/** Throws `malformed_request` for two `Host` lines: what is between the client and the gateway may have read the other one. */
function refuseSecondHost(context: Context): void {
  const { rawHeaders } = context.req;
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at];
    if (name?.length === 4 && name.toLowerCase() === 'host') count += 1;
  }
  if (count <= 1) return;
  // What follows on the connection may have been meant as a part of this request.
  context.set('Connection', 'close');
  throw new GatewayError('malformed_request', { detail: 'it has more than one Host line' });
}

/** Every host that the request names: that of the target where it is a whole URL (RFC 9112, section 3.2.2), and of `Host`. */
function* hostsOf(request: IncomingMessage): Generator<string> {
  const { url = '', headers, socket } = request;
  const { host } = headers;
  if (!namesPath(request)) yield URL.parse(url)?.host ?? '';
  if (host !== undefined) yield host;
  // No browser speaks HTTP/1.0, which has no such header; scripts of this machine may.
  else if (!isLoopbackHost(socket.remoteAddress ?? ''))
    throw new GatewayError('host_forbidden', { detail: 'the request names no host' });
}

/** Whether the target is no whole URL. */
function namesPath({ url = '' }: IncomingMessage): boolean {
  return url.startsWith('/') || url === '*';
}

/** Whether a page of this origin may call the gateway: one of its own, or of an origin in `server.cors.origins`. */
export function mayCall(origin: string, request: IncomingMessage, origins: readonly string[]): boolean {
  return isListed(origin, origins) || isOwn(origin, request);
}

function isListed(origin: string | undefined, origins: readonly string[]): boolean {
  return origins.includes('*') || (origin !== undefined && origins.includes(origin));
}

function isOwn(origin: string, { headers: { host = '' } }: IncomingMessage): boolean {
  const own = URL.parse(origin);
  // Only the origin knows the scheme, and with it the port that is left out: TLS may end at a proxy.
  return own?.origin === origin && URL.parse(`${own.protocol}//${host}/`)?.host === own.host;
}

/** A link that a person followed to a page of the gateway. */
function isVisit({ method, path, req }: Context, pages: ReadonlySet<string>): boolean {
  const { 'sec-fetch-mode': mode, 'sec-fetch-dest': destination } = req.headers;
  return method === 'GET' && mode === 'navigate' && destination === 'document' && pages.has(path);
}

function refuseHost(host: string): GatewayError {
  const name = JSON.stringify(readHostName(host)?.slice(0, maxQuoted));
  return new GatewayError('host_forbidden', {
    detail: `${name} is not a name of this machine; to serve it, write hosts: [${name}] under server: in the config, or configure auth`,
  });
}

function refuseOrigin(origin: string | undefined): GatewayError {
  const asked =
    origin === undefined
      ? 'a page of another site made the request'
      : `${JSON.stringify(origin.slice(0, maxQuoted))} is not the origin of the gateway`;
  return new GatewayError('origin_forbidden', {
    detail: `${asked}; to let in the pages of an origin, add it to server.cors.origins in the config`,
  });
}
