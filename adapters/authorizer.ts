import type { Authorize, Credentials } from '../src/contract/adapter/http.ts';
import type { HttpClient } from '../src/contract/adapter/http-client.ts';
import { FetchedToken, type TokenRequest } from './fetched-token.ts';

/** How the requests of one account are authorized. */
export type Authorizer = {
  readonly authorize: Authorize;
  /** The vendor refused these credentials with 401. True: the next ones are others. */
  renew?(refused: Credentials): boolean;
};

/** By a token that is fetched. */
export function tokenAuthorizer(http: HttpClient, makeRequest: () => Promise<TokenRequest>): Authorizer {
  const token = new FetchedToken(http, makeRequest);
  return { authorize: () => token.authorize(), renew: (refused) => token.renew(refused) };
}

export type ClientCredentials = {
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scope?: string | null | undefined;
};

/** OAuth 2 by the credentials of a client. */
export function clientAuthorizer(
  { tokenUrl: url, clientId, clientSecret, scope }: ClientCredentials,
  http: HttpClient,
): Authorizer {
  const form = [
    ['grant_type', 'client_credentials'],
    ['client_id', clientId],
    ['client_secret', clientSecret],
    ...(scope == null ? [] : [['scope', scope] as const]),
  ] as const;
  return tokenAuthorizer(http, async () => ({ url, form }));
}
