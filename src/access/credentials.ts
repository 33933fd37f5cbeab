import type { IncomingMessage } from 'node:http';
import type { AuthConfig } from '../contract/domain/auth.ts';
import { GatewayError } from '../contract/domain/errors.ts';
import type { Principal } from '../contract/domain/principal.ts';
import { createTokenReader } from './jwt.ts';
import { createKeyRing } from './key-ring.ts';
import { anyone } from './principals.ts';

/** Says on whose behalf a request is made. Throws or rejects with `unauthorized`, or with `auth_unavailable`. */
export type Authenticator = (request: IncomingMessage) => Principal | Promise<Principal>;

/** Three parts in base64url: what a signed token looks like, and a key never does. */
const tokenShape = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** Makes the authenticator that a config asks for; without `auth`, or with `auth: none`, whoever comes is let in. */
export function createAuthenticator(auth: AuthConfig | 'none' | null): Authenticator {
  if (auth === null || auth === 'none') return () => anyone;
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

/** What a client with no or with the wrong credentials is told in `WWW-Authenticate` (RFC 6750, section 3). */
export function challenge(request: IncomingMessage): string {
  const realm = 'Bearer realm="rungate"';
  return readCredential(request) === null ? realm : `${realm}, error="invalid_token"`;
}

function readCredential({ headers }: IncomingMessage): string | null {
  const bearer = /^bearer +([^ ]+) *$/i.exec(headers.authorization ?? '')?.[1];
  if (bearer !== undefined) return bearer;
  const key = headers['x-api-key'];
  return typeof key === 'string' && key !== '' ? key : null;
}
