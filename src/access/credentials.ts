import type { IncomingMessage } from 'node:http';
import type { AuthConfig } from '../contract/domain/auth.ts';
import { GatewayError } from '../contract/domain/errors.ts';
import type { Principal } from '../contract/domain/principal.ts';
import { createTokenReader } from './jwt.ts';
import { createKeyRing } from './key-ring.ts';
import { anonymous } from './principals.ts';

/** Identifies the principal of a request. Throws or rejects with `unauthorized` or `auth_unavailable`. */
export type Authenticator = (request: IncomingMessage) => Principal | Promise<Principal>;

/** Three parts in base64url: the shape of a signed token, which a key never has. */
const tokenShape = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** The authenticator of a config; without `auth`, or with `auth: none`, every request is anonymous. */
export function createAuthenticator(auth: AuthConfig | 'none' | null): Authenticator {
  if (auth === null || auth === 'none') return () => anonymous;
  const findKey = createKeyRing(auth.keys);
  const readToken = auth.jwt === null ? null : createTokenReader(auth.jwt);
  return (request) => {
    const credential = readCredential(request);
    if (credential === null) throw new GatewayError('unauthorized', { detail: askFor });
    if (readToken !== null && tokenShape.test(credential)) return readToken(credential);
    const principal = findKey(credential);
    if (principal === null) throw new GatewayError('unauthorized');
    return principal;
  };
}

const askFor = 'send it as "Authorization: Bearer …" or as "X-Api-Key: …"';

/** WWW-Authenticate challenge for missing or invalid credentials (RFC 6750, section 3). */
export function challenge(request: IncomingMessage): string {
  const realm = 'Bearer realm="rungate"';
  return readCredential(request) === null ? realm : `${realm}, error="invalid_token"`;
}

/** The key or the token of a request; null where it has none. */
export function readCredential({ headers }: IncomingMessage): string | null {
  const bearer = /^bearer +([^ ]+) *$/i.exec(headers.authorization ?? '')?.[1];
  if (bearer !== undefined) return bearer;
  const key = headers['x-api-key'];
  return typeof key === 'string' && key !== '' ? key : null;
}
