import type { ZodType } from 'zod';
import type { GatewayError } from '../domain/errors.ts';
import type { EventBatches, RunEvent, SentEvent } from '../domain/event.ts';
import type { Json } from '../domain/json.ts';
import type { Run } from '../domain/run.ts';
import type { Waiting } from '../domain/waiting.ts';
import type { Rows } from '../store/rows.ts';
import type { Api } from './api.ts';

/** A request as a protocol receives it, parsed by the operation's own schemas. */
export type Decoded<Params, Query, Body> = {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  readonly tenant: string;
  /** Fires when the client disconnects or the gateway drains. */
  readonly signal: AbortSignal;
  /** Whether the client has disconnected; a drain does not count. */
  clientLeft(): boolean;
  /** The value of `Last-Event-ID` as a sequence number; 0 when there is none, and for the beginning. */
  readonly afterSeq: number;
  /** The same; null when there is none, and -1 for the beginning. */
  readonly lastSeen: number | null;
  /** The id of the request in the log of the gateway; the client's own where it sent one. */
  readonly requestId: string;
  /** The value of `Idempotency-Key`, without the quotes of its draft's syntax. */
  readonly idempotencyKey: string | undefined;
  /** The public address of the gateway, without a slash at its end. */
  readonly baseUrl: string;
  /** The value of a header; `name` is in lower case. Undefined where the request has no such header. */
  header(name: string): string | undefined;
};

/**
 * An answer, in the protocol's words. `waiting` becomes the `X-Rungate-Waiting` header, `runId` the `Content-Location` header,
 * `replayed` the `Idempotent-Replayed` one; `headers` replace what the gateway says by itself. `lasting`: this same object is
 * answered repeatedly, so its text is worth caching.
 */
export type Answer = AnswerBody & { readonly headers?: Readonly<Record<string, string>> | undefined };

type AnswerBody =
  | {
      readonly kind: 'json';
      readonly status: number;
      readonly body: Json;
      /** Default `application/json`. */
      readonly contentType?: string | undefined;
      readonly lasting?: boolean;
      readonly runId?: string;
      readonly replayed?: boolean;
      readonly waiting?: Waiting | undefined;
      /** Sent as the `Retry-After` header, whole seconds. */
      readonly retryAfterSeconds?: number | undefined;
    }
  | {
      readonly kind: 'empty';
      readonly status: number;
      readonly runId?: string;
      readonly waiting?: Waiting | undefined;
    }
  | ListAnswer
  | {
      readonly kind: 'stream';
      readonly events: EventBatches<RunEvent>;
      readonly runId: string;
      readonly replayed?: boolean;
      readonly waiting?: Waiting | undefined;
      readonly encode: EventEncoder;
      /** The stream ends after such an event although the run may go on; left out, it ends with the run. */
      readonly endsAfter?: (event: RunEvent) => boolean;
      /** Called when the client disconnects before the end. */
      readonly onLeft?: () => Promise<void>;
      /** Name of the server-sent event, fixed for each `encode`; default `agent_event`. */
      readonly eventName?: (event: RunEvent) => string;
    }
  | {
      readonly kind: 'events';
      readonly events: EventBatches<SentEvent>;
      readonly runId?: string;
      readonly replayed?: boolean;
      readonly waiting?: Waiting | undefined;
      /** Called when the client disconnects before the end. */
      readonly onLeft?: () => Promise<void>;
      /** The last event where the gateway drains, in place of the time after which to reconnect; a small one. */
      readonly farewell?: SentEvent | undefined;
    };

/**
 * A list, whose rows are read and written one by one up to the bound of a list's bytes: at least one row, if there is
 * any. Where more may follow, the answer names the next page.
 */
export type ListAnswer = {
  readonly kind: 'list';
  readonly rows: Rows<Json>;
  /** A page with this many rows may not be the last. */
  readonly limit: number;
  /** The parameter that asks for the page after so many rows, the last of which is given. */
  readonly next: (count: number, last: Json) => NextPage;
  /** What `X-Pagination-Total` says after so many rows; left out, there is no such header. */
  readonly total?: ((count: number, mayContinue: boolean) => number) | undefined;
  /** The text before and after the rows; `[` and `]` where it is left out. */
  readonly frame?: readonly [before: string, after: string];
  /** The rows are answered in the opposite order, though the first that is read is the one that always comes. */
  readonly isReversed?: boolean;
};

/** A parameter of a list's query or body. */
export type NextPage = { readonly name: 'offset' | 'before'; readonly value: string };

/** One status that an operation may answer with, for its document; without a schema the answer has no body. */
export type AnswerShape = {
  readonly description: string;
  readonly schema?: ZodType | undefined;
  /** Default `application/json`. */
  readonly contentType?: string | undefined;
  /** The schema of an event's `data`, where the answer may be a stream instead. */
  readonly events?: ZodType | undefined;
};

/** The JSON of an event's `data:` line; null where the protocol has no such event. */
export type EventEncoder = (event: RunEvent) => Json | null;

/** The client's side of a WebSocket. */
export type Peer = {
  /** Resolves when the next message may be sent. */
  send(message: Json): Promise<void>;
  /** Closes the socket normally. */
  end(): void;
};

/** The protocol's side of a WebSocket; its answers go to the {@link Peer}. */
export interface Conversation {
  /**
   * Answers one message. `enter` authenticates and counts it like a request, and resolves with the client's API. Rejects
   * only with errors that the protocol cannot express.
   */
  receive(message: unknown, enter: () => Promise<Api>): Promise<void>;
  /** Answers a message that could not be parsed. */
  refuse(error: GatewayError): Promise<void>;
  /** Called once when the client disconnects. */
  close(): void;
}

/** Opens a conversation; rejects with the error that refuses the upgrade. */
export type OpenConversation<Params = unknown> = (
  api: Api,
  request: { readonly params: Params; readonly tenant: string },
  peer: Peer,
) => Promise<Conversation>;

/** One row of a protocol's route table. Its OpenAPI document is made from the same schemas. */
export type Operation<Params = unknown, Query = unknown, Body = unknown> = {
  /** `operationId` of the protocol's own document. */
  readonly id: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Such as `/runs/:run_id`. */
  readonly path: string;
  readonly summary: string;
  /** One paragraph for the document. Left out: the one of the path that the protocols share. */
  readonly description?: string;
  readonly params: ZodType<Params>;
  readonly query: ZodType<Query>;
  /** `z.undefined()`-like schemas take no body. */
  readonly body: ZodType<Body>;
  /** By status, errors included, as in the protocol's own document. */
  readonly answers: Readonly<Record<number, AnswerShape>>;
  /** Refusals of unknown agents refer to it. */
  readonly listsAgents?: boolean;
  /** The headers that the operation reads, for its document. */
  readonly takes?: readonly ('Idempotency-Key' | 'Last-Event-ID')[];
  /** It may wait long, or answer much, for this body: while it is under way, it counts as an open stream of its caller. */
  readonly countsAsStream?: true | ((body: Body) => boolean);
  handle(api: Api, request: Decoded<Params, Query, Body>): Promise<Answer>;
  /** Handles requests to upgrade to a WebSocket; left out, they are answered like any other. */
  readonly openConversation?: OpenConversation<Params>;
};

/** One outward protocol as data: its name, its operations, its error body. It knows no Koa and has no use cases. */
export interface Protocol {
  readonly name: string;
  readonly prefix: string;
  /** It is no alternative to the other protocols, so that refusals do not refer to it. */
  readonly isForOperators?: boolean;
  /** Its clients look for metadata that name the issuer of tokens (RFC 9728). */
  readonly isProtectedResource?: boolean;
  readonly operations: readonly Operation[];
  /** Operations under `/.well-known` of the host, wherever the protocol is mounted. */
  readonly hostOperations?: readonly Operation[];
  readonly about: AboutProtocol;
  /** What the gateway has in place of paths that clients of this protocol know and it does not have. */
  readonly replacements?: Readonly<Record<string, string>>;
  /** The status of a request that is not valid; left out, 422. */
  readonly refusalStatus?: 400;
  /** `requestId` names the request in the log of the gateway. */
  encodeError(error: GatewayError, requestId: string): Json;
  /** In place of `encodeError`, where the status is not always the error's own, or the body is not the same for each path. */
  answerError?(error: GatewayError, path: string): { readonly status: number; readonly body: Json };
  /** The body of a webhook about the run. */
  encodeRun(run: Run): Json;
}

/** The head of a protocol's document. */
export type AboutProtocol = {
  readonly title: string;
  readonly version: string;
  readonly description: string;
  /** The body of every error, also of those that no operation lists. */
  readonly error: ZodType;
  /** Schemas that the document gives a name. */
  readonly schemas: Readonly<Record<string, ZodType>>;
};
