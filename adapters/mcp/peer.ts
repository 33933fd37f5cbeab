import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { type CallRule, type Consequence, type HttpCall, UpstreamFault } from '../../src/contract/adapter/http.ts';
import type { HttpClient } from '../../src/contract/adapter/http-client.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { findReason } from '../../src/json/find-reason.ts';
import { type Authorizer, clientAuthorizer } from '../authorizer.ts';
import { callAuthorized } from '../call-authorized.ts';
import type { Settings } from './settings.ts';
import { answerTo, type Expected, isAnswer, type Message, type MessageId, modern, tasksExtension } from './wire.ts';

/** How requests are addressed: in a session of the older revisions, or each by itself. */
export type Footing =
  | { readonly protocol: typeof modern }
  /** `sessionId` is null where the server gives none. */
  | { readonly protocol: string; readonly sessionId: string | null };

export type Request = CallRule & {
  readonly purpose: string;
  readonly method: string;
  readonly params: JsonObject;
  /** Left out: any. */
  readonly id?: MessageId | undefined;
  /** What an error in a response means, by its code. Left out, it is a refusal. */
  readonly errors?: Readonly<Record<number, Consequence>> | undefined;
  /** Whether a question of the server counts as an answer. */
  readonly takesRequests?: boolean;
  readonly resultOf?: string | undefined;
  readonly holdMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
};

export type Response = Exclude<Message, { kind: 'error' }>;

const clientInfo = { name: 'rungate', version: '1' };
/** A question is put to the run's client, as an interrupt. */
const elicitation = { elicitation: { form: {} } } as const;
const anything = z.unknown();

/** By which a request of the newer revision is routed. */
const nameOf: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'tasks/get': 'taskId',
  'tasks/update': 'taskId',
  'tasks/cancel': 'taskId',
};

/** One MCP server over Streamable HTTP: JSON-RPC, one message a request. */
export class Peer {
  readonly #http: HttpClient;
  readonly #auth: Authorizer | undefined;
  readonly #headers: Readonly<Record<string, string>>;

  constructor({ token, oauth2, headers = {} }: Settings, http: HttpClient) {
    this.#http = http;
    this.#headers = { ...headers, ...(token ? { authorization: `Bearer ${token}` } : {}) };
    this.#auth = oauth2 === undefined ? undefined : clientAuthorizer(oauth2, http);
  }

  /**
   * Sends a request and gives its result, or the question that the server asks instead. An error of JSON-RPC is a fault.
   *
   * @throws UpstreamFault
   */
  async request(footing: Footing | null, request: Request): Promise<{ message: Response; sessionId: string | null }> {
    const { id = randomUUID(), method, takesRequests = false } = request;
    const expected: Expected = { id, takesRequests };
    const params = footing !== null && isModern(footing) ? withEnvelope(request.params) : request.params;
    const { body: message, headers } = await this.#send(footing, request, {
      body: { jsonrpc: '2.0', id, method, params },
      answer: answerTo(expected),
      events: { isEnough: (event) => isAnswer(event, expected) },
    });
    if (message.kind === 'error') throw faultOf(message.error, request);
    return { message, sessionId: headers['mcp-session-id'] ?? null };
  }

  /** Sends what has no answer of its own: a notification, or the answer to a question of the server. */
  async post(footing: Footing, rule: CallRule & { readonly purpose: string }, message: JsonObject): Promise<void> {
    const request = { ...rule, method: '', params: {} };
    await this.#send(footing, request, { body: { jsonrpc: '2.0', ...message }, answer: anything, events: {} });
  }

  #send<T>(
    footing: Footing | null,
    { purpose, retry, faults, resultOf, holdMs, signal, method, params }: Request,
    message: Required<Pick<HttpCall<T>, 'body' | 'answer' | 'events'>>,
  ) {
    return callAuthorized<T>(this.#http, this.#auth, {
      ...{ purpose, retry, resultOf, holdMs, signal, ...message, errorMessage: findReason },
      ...(faults === undefined ? {} : { faults }),
      method: 'POST',
      path: '',
      headers: { ...this.#headers, ...(footing === null ? {} : headersOf(footing, method, params)) },
    });
  }
}

export function isModern(footing: Footing): footing is { readonly protocol: typeof modern } {
  return footing.protocol === modern;
}

function headersOf(footing: Footing, method: string, params: JsonObject): Readonly<Record<string, string>> {
  if (!isModern(footing)) {
    const { protocol, sessionId } = footing;
    return { 'mcp-protocol-version': protocol, ...(sessionId === null ? {} : { 'mcp-session-id': sessionId }) };
  }
  const name = params[nameOf[method] ?? ''];
  return {
    'mcp-protocol-version': modern,
    'mcp-method': method,
    ...(typeof name === 'string' ? { 'mcp-name': encodeHeader(name) } : {}),
  };
}

/** What a header cannot carry as it is goes as base64, between marks. */
function encodeHeader(value: string): string {
  const isPlain = /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(value) && !value.startsWith('=?base64?');
  return isPlain ? value : `=?base64?${Buffer.from(value).toString('base64')}?=`;
}

function withEnvelope(params: JsonObject): JsonObject {
  return {
    ...params,
    _meta: {
      'io.modelcontextprotocol/protocolVersion': modern,
      'io.modelcontextprotocol/clientInfo': clientInfo,
      'io.modelcontextprotocol/clientCapabilities': { ...elicitation, extensions: { [tasksExtension]: {} } },
    },
  };
}

export const handshake = { capabilities: elicitation, clientInfo } as const;

function faultOf(
  error: Extract<Message, { kind: 'error' }>['error'],
  { errors, faults, resultOf }: Request,
): UpstreamFault {
  return new UpstreamFault({
    consequence: errors?.[error.code] ?? faults?.refused ?? 'rejected',
    kind: 'http-status',
    httpStatus: 200,
    message: error.message === '' ? `the server answered with the error ${error.code}` : error.message,
    answer: { error } as Json,
    ...(resultOf === undefined ? {} : { step: 'result', vendorStatus: resultOf }),
  });
}
