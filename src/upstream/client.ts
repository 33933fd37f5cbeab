import { type HttpAnswer, type HttpCall, type HttpClient, UpstreamFault } from '../contract/adapter/http.ts';
import type { Log, Redactor } from '../contract/domain/log.ts';
import { type CallPlace, CallPlaces } from './call-place.ts';
import { authorizeRequest, CallWriter, type WrittenRequest } from './call-request.ts';
import { readAnswer } from './read-answer.ts';
import type { HttpResult } from './send-request.ts';
import type { Exceptions } from './ssrf-address.ts';
import { isPacked, unpackAnswer } from './unpack-answer.ts';

export type ClientOptions = {
  /** http or https, with any path; user and password in it are sent as basic authentication. */
  readonly baseUrl: string;
  readonly maxAnswerBytes: number;
  /** Taken out of every answer and message, like the password in the base URL. */
  readonly secrets: readonly string[];
  readonly createRedactor: (secrets: readonly string[]) => Redactor;
  /** Addresses that answers may lead to although they are not public. */
  readonly exceptions: Exceptions;
  readonly log?: Log | undefined;
};

/** Sends one request and never rejects; an answered address that is not trusted is checked when it is connected to. */
export type Transport = (
  request: WrittenRequest,
  options: { readonly signal: AbortSignal | undefined; readonly isTrusted: boolean },
) => Promise<HttpResult>;

/** Makes the client that an adapter is handed. Throws `TypeError` for a base URL that is not valid. */
export function createClient(options: ClientOptions, send: Transport): HttpClient {
  const { maxAnswerBytes, createRedactor, log } = options;
  const base = new URL(options.baseUrl);
  if (base.protocol !== 'http:' && base.protocol !== 'https:')
    throw new TypeError('the base URL must be http or https');
  const secrets = [...options.secrets, decodePart(base.password)];
  const redactor = createRedactor(secrets);
  const redactors = new WeakMap<readonly string[], Redactor>();
  const places = new CallPlaces(base, options.exceptions);
  const writer = new CallWriter(readAuthorization(base));

  function redactorFor(more: readonly string[] | undefined): Redactor {
    if (more === undefined || more.length === 0) return redactor;
    const known = redactors.get(more) ?? createRedactor([...secrets, ...more]);
    redactors.set(more, known);
    return known;
  }

  async function perform<T>(call: HttpCall<T>, place: CallPlace): Promise<HttpAnswer<T>> {
    let request = writer.write(call, place);
    let own = redactor;
    if (call.authorize !== undefined && place.isTrusted) {
      const made = authorizeRequest(request, call.method, call.authorize);
      const authorized = made instanceof Promise ? await made : made;
      request = authorized.request;
      own = redactorFor(authorized.secrets);
    }
    const result = await send(request, { signal: call.signal, isTrusted: place.isTrusted });
    // An await of its own, so that an ordinary answer takes no further turn.
    const plain = isPacked(result) ? await unpackAnswer(result, maxAnswerBytes) : result;
    return readAnswer(call, plain, own, maxAnswerBytes);
  }

  async function callVendor<T>(call: HttpCall<T>): Promise<HttpAnswer<T>> {
    try {
      return await perform(call, places.find(call.base, call));
    } catch (error) {
      if (error instanceof UpstreamFault) {
        const { consequence, kind, httpStatus, message, cause } = error;
        log?.debug(
          { purpose: call.purpose, consequence, kind, http_status: httpStatus, message, cause },
          'vendor call failed',
        );
      }
      throw error;
    }
  }

  return { maxAnswerBytes, call: callVendor };
}

function readAuthorization(base: URL): Readonly<Record<string, string>> {
  if (base.username === '' && base.password === '') return {};
  const credentials = `${decodePart(base.username)}:${decodePart(base.password)}`;
  return { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
}

/** A lone percent sign in a password is not an escape, and not a reason to refuse to start. */
function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
