import type { ZodType } from 'zod';
import type { GatewayError } from '../domain/errors.ts';
import type { EventBatches, RunEvent } from '../domain/event.ts';
import type { Json } from '../domain/json.ts';
import type { Run } from '../domain/run.ts';
import type { Api } from './api.ts';

/** A request as a protocol sees it: parsed by the operation's own schemas. */
export type Decoded<Params, Query, Body> = {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  readonly tenant: string;
  /** Fires when the client left or the gateway drains. */
  readonly signal: AbortSignal;
  /** Whether the client is gone; a drain is not that. */
  clientLeft(): boolean;
  /** The value of `Last-Event-ID` as a sequence number; 0 when there is none. */
  readonly afterSeq: number;
  /** The value of `Idempotency-Key`, without the quotes of its draft's syntax. */
  readonly idempotencyKey: string | undefined;
};

/**
 * An answer, in the protocol's words. `runId` makes the `Content-Location` header, `replayed` the
 * `Idempotent-Replayed` one. `lasting`: this very object is given again and again, so its text is worth keeping.
 */
export type Answer =
  | {
      readonly kind: 'json';
      readonly status: number;
      readonly body: Json;
      readonly lasting?: boolean;
      readonly runId?: string;
      readonly replayed?: boolean;
    }
  | { readonly kind: 'empty'; readonly status: number; readonly runId?: string }
  | {
      readonly kind: 'stream';
      readonly events: EventBatches<RunEvent>;
      readonly runId: string;
      readonly replayed?: boolean;
      readonly encode: EventEncoder;
      /** The stream ends after such an event although the run may go on; left out, it ends with the run. */
      readonly endsAfter?: (event: RunEvent) => boolean;
      /** The client left before the end. */
      readonly onLeft?: () => Promise<void>;
      /** The SSE event's name; it belongs to `encode`, and is `agent_event` where it is left out. */
      readonly eventName?: (event: RunEvent) => string;
    }
  | { readonly kind: 'events'; readonly events: EventBatches<SentEvent> };

/** One server-sent event. */
export type SentEvent = { readonly id: string; readonly event: string; readonly data: Json };

/** One status that an operation may answer with, for its document; left out, the schema has no body. */
export type AnswerShape = {
  readonly description: string;
  readonly schema?: ZodType | undefined;
  /** Default `application/json`. */
  readonly contentType?: string | undefined;
};

/** The JSON of one SSE `data:` line; null where the protocol has no word for the event. */
export type EventEncoder = (event: RunEvent) => Json | null;

/** The client of a socket, as a protocol sees it. */
export type Peer = {
  /** Resolves when more may be told. */
  tell(message: Json): Promise<void>;
  /** There is nothing more to tell. */
  end(): void;
};

/** What is said over one socket; the answers go to its {@link Peer}. */
export interface Conversation {
  /**
   * Answers one message. `enter` holds it to what every request is held to, and gives what there is for the client.
   * Rejects with what is no error of the protocol.
   */
  receive(message: unknown, enter: () => Promise<Api>): Promise<void>;
  /** Answers what could not be read. */
  refuse(error: GatewayError): Promise<void>;
  /** The client is gone. */
  close(): void;
}

/** Begins a conversation; rejects with what an ordinary request would be refused with. */
export type OpenConversation<Params = unknown> = (
  api: Api,
  request: { readonly params: Params; readonly tenant: string },
  peer: Peer,
) => Promise<Conversation>;

/** One row of a protocol's route matrix. The schemas are also what its OpenAPI document is made from. */
export type Operation<Params = unknown, Query = unknown, Body = unknown> = {
  /** `operationId` of the protocol's own document. */
  readonly id: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Such as `/runs/:run_id`. */
  readonly path: string;
  readonly summary: string;
  readonly params: ZodType<Params>;
  readonly query: ZodType<Query>;
  /** `z.undefined()`-like schemas take no body. */
  readonly body: ZodType<Body>;
  /** By status; what the protocol's own document says, errors too. */
  readonly answers: Readonly<Record<number, AnswerShape>>;
  /** The headers that it reads, for its document. */
  readonly takes?: readonly ('Idempotency-Key' | 'Last-Event-ID')[];
  handle(api: Api, request: Decoded<Params, Query, Body>): Promise<Answer>;
  /** What a request to upgrade to a WebSocket gets; left out, it is answered like any other. */
  readonly openConversation?: OpenConversation<Params>;
};

/** One outward protocol: what it is called, its rows, its error body. No Koa, no use case of its own. */
export interface Protocol {
  readonly name: string;
  readonly prefix: string;
  readonly operations: readonly Operation[];
  readonly about: AboutProtocol;
  encodeError(error: GatewayError): Json;
  /** A run as a webhook tells it. */
  encodeRun(run: Run): Json;
}

/** What a protocol's document says of the protocol as a whole. */
export type AboutProtocol = {
  readonly title: string;
  readonly version: string;
  readonly description: string;
  /** The body of every error, also of those that no operation lists. */
  readonly error: ZodType;
  /** Schemas that the document gives a name. */
  readonly schemas: Readonly<Record<string, ZodType>>;
};
