import type { Format } from 'ajv';
import { fullFormats } from 'ajv-formats/dist/formats.js';
import { compilePattern } from '../compute/linear-regexp.ts';
import { translateRegExp } from '../compute/translate-regexp.ts';

type FormatName = keyof typeof fullFormats;

/** The formats of ajv-formats, their regular expressions carried out in linear time; each is compiled when it is used. */
export const linearFormats: Readonly<Record<string, Format>> = {
  ...Object.fromEntries(
    Object.entries(fullFormats).map(([name, format]) => [
      name,
      format instanceof RegExp ? whenLong(name as FormatName, () => testerOf(format)) : (format as Format),
    ]),
  ),
  hostname: whenLong('hostname', createHostname),
  duration: whenLong('duration', createDuration),
  url: whenLong('url', createUrl),
  uri: whenLong('uri', createUri),
  regex: isRegExp,
  // Tools that write these formats mean times without an offset as well.
  time: fullFormats['iso-time'] as Format,
  'date-time': fullFormats['iso-date-time'] as Format,
};

/**
 * The expressions of ajv-formats are known, and none takes more than quadratic time, so that for a short text the engine
 * of ECMAScript is as safe, and faster. A longer one is tested in linear time.
 */
function whenLong(name: FormatName, create: () => (text: string) => boolean): (text: string) => boolean {
  const known: unknown = fullFormats[name];
  const short = known instanceof RegExp ? (text: string) => known.test(text) : (known as (text: string) => boolean);
  const long = lazily(create);
  return (text) => (text.length <= 256 ? short(text) : long(text));
}

function testerOf({ source, flags }: RegExp): (text: string) => boolean {
  const pattern = compilePattern(source, flags);
  return (text) => pattern.test(text);
}

function lazily(create: () => (text: string) => boolean): (text: string) => boolean {
  let test: ((text: string) => boolean) | undefined;
  return (text) => {
    test ??= create();
    return test(text);
  };
}

/** As ECMAScript takes it, with the flag `u` or without. */
function isRegExp(text: string): boolean {
  try {
    translateRegExp(text, { flags: '', captures: false });
    return true;
  } catch (error) {
    return !(error instanceof SyntaxError);
  }
}

// The following look ahead in ajv-formats; what they look for is asked in a second step here.

function createHostname(): (text: string) => boolean {
  const test = testerOf(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[-0-9a-z]{0,61}[0-9a-z])?)*\.?$/i);
  return (text) => text.length <= (text.endsWith('.') ? 254 : 253) && test(text);
}

function createDuration(): (text: string) => boolean {
  const test = testerOf(/^P(?:(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?:\d+H)?(?:\d+M)?(?:\d+S)?)?|(?:\d+W)?)$/);
  return (text) => text !== 'P' && !text.endsWith('T') && test(text);
}

function createUrl(): (text: string) => boolean {
  const address =
    /(?:[1-9]\d?|1\d\d|2[01]\d|22[0-3])(?:\.(?:1?\d{1,2}|2[0-4]\d|25[0-5])){2}(?:\.(?:[1-9]\d?|1\d\d|2[0-4]\d|25[0-4]))/;
  const name =
    /(?:(?:[a-z0-9\u{00a1}-\u{ffff}]+-)*[a-z0-9\u{00a1}-\u{ffff}]+)(?:\.(?:[a-z0-9\u{00a1}-\u{ffff}]+-)*[a-z0-9\u{00a1}-\u{ffff}]+)*(?:\.(?:[a-z\u{00a1}-\u{ffff}]{2,}))/u;
  const local =
    /(?:10|127)(?:\.\d{1,3}){3}|(?:169\.254|192\.168)(?:\.\d{1,3}){2}|172\.(?:1[6-9]|2\d|3[0-1])(?:\.\d{1,3}){2}/;
  const around = (host: string) =>
    compilePattern(`^(?:https?|ftp):\\/\\/(?:\\S+(?::\\S*)?@)?(?:${host})(?::\\d{2,5})?(?:\\/[^\\s]*)?$`, 'iu');
  const [whole, private_] = [around(`${address.source}|${name.source}`), around(local.source)];
  return (text) => whole.test(text) && !private_.test(text);
}

/** A URI is a reference with its scheme and something behind it. */
function createUri(): (text: string) => boolean {
  const { source, flags } = fullFormats['uri-reference'] as RegExp;
  const scheme = '^(?:[a-z][a-z0-9+\\-.]*:)';
  const test = testerOf(new RegExp(source.replace(`${scheme}?`, scheme).replace(')*)*)?(?:\\?', ')*)*)(?:\\?'), flags));
  return (text) => (text.includes('/') || text.includes(':')) && test(text);
}
