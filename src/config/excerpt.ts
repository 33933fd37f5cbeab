import { findMisspelt } from '../collections/nearest-word.ts';

/** A line of a file as it is shown, and the part of it that a problem is about. */
export type Excerpt = { readonly text: string; readonly start: number; readonly length: number };

/** From the first character of a text to the one behind the last. */
export type Range = readonly [start: number, end: number];

const blank = '[redacted]';
const maxWidth = 120;
/** Characters that are kept before the place in a line that is cut. */
const maxBefore = 60;
const maxValueLength = 80;
/** Characters of a line to either side of a place that are looked at: minified JSON is one line. */
const maxLooked = 4096;

const secretNames = ['apiKey', 'accessToken', 'token', 'secret', 'password', 'passphrase', 'authorization'];
/** Last words of names such as `privateKey` and `CLIENT_SECRET`. */
const secretWords = new Set('key token secret secrets password passwd passphrase authorization sha256'.split(' '));
/** Lists of clients, in which not all is secret. */
const harmless = new Set(['keys']);

/** Whether what stands under such a key is never shown, the misspelt ones included. */
export function isSecretKey(key: string): boolean {
  if (harmless.has(key)) return false;
  const words = key
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/);
  return /credential/i.test(key) || secretWords.has(words.at(-1) ?? '') || findMisspelt(key, secretNames) !== undefined;
}

/** What may precede or follow the name of a host in a URL: credentials, and queries that hold them. */
const urlSecrets = /(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@"']+@|(\b[a-z][a-z0-9+.-]*:\/\/[^\s?"']*\?)[^\s"']+/gi;

/** The wrong value as a message quotes it; undefined for what may hold a secret, and for what is not a scalar. */
export function quoteValue(value: unknown, source: string, secrets: readonly string[]): string | undefined {
  if (typeof value === 'number' || typeof value === 'boolean') return cut(source);
  if (typeof value !== 'string' || hideSecrets(value, secrets) !== value) return undefined;
  const quoted = JSON.stringify(cut(value));
  return value.length > maxValueLength ? `${quoted} (${value.length} characters)` : quoted;
}

const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Without what a terminal takes for a command. */
export function escapeUnprintable(text: string): string {
  return text.replaceAll(unprintable, (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`);
}

function cut(text: string): string {
  return text.length > maxValueLength ? `${text.slice(0, maxValueLength - 20).toWellFormed()}…` : text;
}

function hideSecrets(text: string, secrets: readonly string[]): string {
  return secrets
    .reduce((clean, secret) => (secret === '' ? clean : clean.replaceAll(secret, blank)), text)
    .replace(urlSecrets, (_match, scheme?: string, address?: string) =>
      scheme === undefined ? `${address}${blank}` : `${scheme}${blank}@`,
    );
}

export type ShowOptions = {
  /** Parts of the text that are secret. */
  readonly hidden: readonly Range[];
  /** Texts that are secret wherever they stand. */
  readonly secrets: readonly string[];
  /** Whether the adapters, which know what is secret, have not read it yet, so that long words may be. */
  readonly isGuessed: boolean;
};

/** The line in which a range begins, with the part of the range that stands in it, and without secrets. */
export function showLine(text: string, [start, end]: Range, options: ShowOptions): Excerpt {
  const from = start === 0 ? 0 : Math.max(text.lastIndexOf('\n', start - 1) + 1, start - maxLooked);
  const next = text.indexOf('\n', start);
  const to = Math.min(next === -1 ? text.length : next, start + maxLooked);
  const stop = Math.min(Math.max(end, start + 1), to);
  const parts = [from, start, stop, to].map((edge) => Math.min(Math.max(edge, from), to));
  const [before = '', marked = '', after = ''] = parts.slice(1).map((edge, index) => {
    return showPart(text, [parts[index] ?? from, edge], options);
  });
  const line = { before, marked: marked.trimEnd(), after: marked.slice(marked.trimEnd().length) + after };
  return cutAround(options.isGuessed ? guess(line) : line);
}

type Parts = { readonly before: string; readonly marked: string; readonly after: string };

function showPart(text: string, [from, to]: Range, { hidden, secrets }: ShowOptions): string {
  let shown = '';
  let at = from;
  for (const [start, end] of hidden.filter(([start, end]) => start < to && end > from)) {
    if (start > at) shown += text.slice(at, start);
    // A secret that began before this part is blanked there.
    if (start >= from || at === from) shown += blank;
    at = Math.max(at, Math.min(end, to));
  }
  return hideSecrets(shown + text.slice(at, to), secrets)
    .replaceAll(/\r$/g, '')
    .replaceAll(unprintable, ' ');
}

/** What follows a secret key, and what is long enough to be a secret and is not a key or a placeholder. */
function guess({ before, marked, after }: Parts): Parts {
  const line = before + marked + after;
  const key = [...line.matchAll(/([\w-]+)["']?\s*:\s*(?=\S)/g)].find(([, name = '']) => isSecretKey(name));
  const secretFrom = key === undefined ? line.length : key.index + key[0].length;
  const hide = (part: string, offset: number) => {
    const kept = part.slice(0, Math.max(0, secretFrom - offset));
    const words = kept.replaceAll(/(\$\{[^}]*\}?)|[^\s{}[\],:"'#]{8,}(?!["']?\s*:)/g, (_word, placeholder?: string) => {
      return placeholder ?? blank;
    });
    return kept.length < part.length && !words.endsWith(blank) ? words + blank : words;
  };
  return {
    before: hide(before, 0),
    marked: hide(marked, before.length),
    after: hide(after, before.length + marked.length),
  };
}

function cutAround({ before, marked, after }: Parts): Excerpt {
  const head = before.length > maxBefore && before.length + marked.length > maxWidth ? before.length - maxBefore : 0;
  const shown = head === 0 ? before : `…${before.slice(head).toWellFormed()}`;
  const line = shown + marked + after;
  const text = line.length > maxWidth ? `${line.slice(0, maxWidth).toWellFormed()}…` : line.trimEnd();
  return { text, start: shown.length, length: Math.max(1, Math.min(marked.length, text.length - shown.length)) };
}

/** Characters that a terminal shows in two columns. */
const wide =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\u3000-\u303f\uff01-\uff60]/gu;

/** The line, and the carets under its part. */
export function renderExcerpt({ text, start, length }: Excerpt): readonly [string, string] {
  const widths = (part: string) => part.replaceAll(/\p{M}/gu, '').replaceAll(wide, '  ').length;
  const before = widths(text.slice(0, start));
  return [text, ' '.repeat(before) + '^'.repeat(Math.max(1, widths(text.slice(start, start + length))))];
}
