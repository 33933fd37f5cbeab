import type { Json, JsonObject } from './json.ts';

/** What a client of a protocol that speaks in texts says to an agent. */
export type Said = {
  /** The last text of the client; empty where it sent data alone. */
  readonly text: string;
  /** All messages of the request, in the form of `RunRequest.messages`, the text's own among them. */
  readonly messages: readonly JsonObject[];
  /** A JSON object that the client sent with the text or in its place, where its protocol has such a thing. */
  readonly data?: JsonObject | undefined;
};

/** The context of an agent's `chat.input` expression. */
export type ChatContext = {
  readonly text: string;
  readonly messages: Json;
  /** Null without one. */
  readonly data: Json;
  readonly agent: { readonly name: string; readonly version: string };
};

/** How the text that a reader has seen becomes the next one. */
export type ReplyDelta =
  /** The reader has it all. */
  | { readonly kind: 'same' }
  /** The text has grown: what follows what the reader has. */
  | { readonly kind: 'growth'; readonly text: string }
  /** Another text has taken its place: what the reader has is void, and this is the whole text from its beginning. */
  | { readonly kind: 'anew'; readonly text: string };
