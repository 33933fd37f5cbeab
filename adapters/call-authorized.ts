import {
  type Authorize,
  type Credentials,
  type HttpAnswer,
  type HttpCall,
  UpstreamFault,
} from '../src/contract/adapter/http.ts';
import type { HttpClient } from '../src/contract/adapter/http-client.ts';
import type { Authorizer } from './authorizer.ts';
import { TokenFault } from './fetched-token.ts';

/** Sends a call with credentials, and once more with others where the vendor refuses those that have been fetched. */
export async function callAuthorized<T>(
  http: HttpClient,
  auth: Authorizer | undefined,
  call: HttpCall<T>,
): Promise<HttpAnswer<T>> {
  if (auth === undefined) return await http.call(call);
  if (auth.renew === undefined) return await http.call({ ...call, authorize: auth.authorize });
  let used: Credentials | undefined;
  const authorize: Authorize = async (outgoing) => {
    used = await auth.authorize(outgoing);
    return used;
  };
  try {
    return await http.call({ ...call, authorize });
  } catch (error) {
    // Refused before anything was done, so that even a start may be sent again, once.
    const isRefused = error instanceof UpstreamFault && error.httpStatus === 401 && !(error instanceof TokenFault);
    if (!isRefused || used === undefined || !auth.renew(used)) throw error;
    return await http.call({ ...call, authorize: auth.authorize });
  }
}
