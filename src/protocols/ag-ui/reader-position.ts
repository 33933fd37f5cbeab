import { GatewayError } from '../../contract/domain/errors.ts';

/** How much of the message under way a reader has, without the text itself: a later partial output may have replaced it. */
export type SentText = { readonly chars: number; readonly mark: number };

/**
 * Where a reader is, so that any replica can go on from there. One event of a run becomes up to {@link maxSteps} of the
 * protocol, at fixed steps.
 */
export type ReaderPosition = {
  readonly seq: number;
  readonly step: number;
  /** Number of the message that is under way, or that comes next. */
  readonly message: number;
  /** Null: no message is under way. */
  readonly sent: SentText | null;
};

/** The last step that an event of a run may have. */
export const maxSteps = 9;

const offset = 0x811c9dc5;
const prime = 0x01000193;

export const nothingSent: SentText = { chars: 0, mark: offset };

/** The mark of a text that is continued (FNV-1a over UTF-16 units), in time linear in what is new. */
export function continueText({ chars, mark }: SentText, more: string): SentText {
  let hash = mark;
  for (let at = 0; at < more.length; at += 1) hash = Math.imul(hash ^ more.charCodeAt(at), prime);
  return { chars: chars + more.length, mark: hash >>> 0 };
}

/** What a reader has of the text; null where it has something else. */
export function findSent(text: string, { chars, mark }: SentText): string | null {
  if (text.length < chars) return null;
  const begin = text.slice(0, chars);
  return continueText(nothingSent, begin).mark === mark ? begin : null;
}

/** The id of a server-sent event. */
export function encodePosition({ seq, step, message, sent }: ReaderPosition): string {
  const base = `${seq}.${step}.${message}`;
  return sent === null ? base : `${base}.${sent.chars}.${sent.mark.toString(36)}`;
}

const pattern = /^(\d{1,15})\.(\d)\.(\d{1,9})(?:\.(\d{1,15})\.([0-9a-z]{1,7}))?$/;

/** The position in a `Last-Event-ID`; null where there is none, and for the beginning. Throws `invalid_request`. */
export function readPosition(id: string | undefined): ReaderPosition | null {
  if (id === undefined || id === '' || id === '-1') return null;
  const [, seq, step, message, chars, mark] = pattern.exec(id) ?? [];
  if (seq === undefined)
    throw new GatewayError('invalid_request', { path: 'Last-Event-ID', detail: 'must be an id that the stream gave' });
  const sent = mark === undefined ? null : { chars: Number(chars), mark: Number.parseInt(mark, 36) };
  return { seq: Number(seq), step: Number(step), message: Number(message), sent };
}
