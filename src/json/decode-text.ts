import { isUtf8 } from 'node:buffer';

export type DecodedText =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'unknown-charset' }
  /** Some bytes mean nothing in the charset; none is replaced. */
  | { readonly kind: 'invalid'; readonly charset: string };

const declared = /;\s*charset\s*=\s*"?([^\s;"]*)/i;

/**
 * Reads text in the charset that its media type declares, by the names of the WHATWG encoding standard, and in UTF-8 where
 * it declares none. A byte order mark is dropped.
 */
export function decodeText(bytes: Uint8Array, mediaType: string | undefined): DecodedText {
  const label = mediaType === undefined ? undefined : declared.exec(mediaType)?.[1];
  if (label === undefined || label.toLowerCase() === 'utf-8') {
    return isUtf8(bytes) ? { kind: 'text', text: utf8.decode(bytes) } : { kind: 'invalid', charset: 'utf-8' };
  }
  let decoder: TextDecoder;
  try {
    decoder = new TextDecoder(label, { fatal: true });
  } catch {
    return { kind: 'unknown-charset' };
  }
  try {
    return { kind: 'text', text: decoder.decode(bytes) };
  } catch {
    return { kind: 'invalid', charset: decoder.encoding };
  }
}

const utf8 = new TextDecoder();
