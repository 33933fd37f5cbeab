/** What is known about a JSON text from one pass over it, which allocates nothing. */
export type JsonScan = {
  readonly isTooDeep: boolean;
  /**
   * Whether it holds a number that a double may not keep: of sixteen digits or more, with an exponent of three digits or
   * more, or -0.
   */
  readonly holdsDelicateNumber: boolean;
};

const [plain, delicate] = [
  { isTooDeep: false, holdsDelicateNumber: false },
  { isTooDeep: false, holdsDelicateNumber: true },
];
const tooDeep: JsonScan = { isTooDeep: true, holdsDelicateNumber: false };

/** As many digits as a double keeps, whatever they are. */
const keptDigits = 15;

/** Scans valid JSON; what it says of other text means nothing. */
export function scanJson(text: string, maxDepth: number): JsonScan {
  let depth = 0;
  let holdsDelicateNumber = false;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 0x22) at = endOfString(text, at + 1);
    else if (code >= 0x5b) {
      if (code === 0x5b || code === 0x7b) {
        depth += 1;
        if (depth > maxDepth) return tooDeep;
      } else if (code === 0x5d || code === 0x7d) depth -= 1;
    } else if (code === 0x2d || (code >= 0x30 && code <= 0x39)) {
      const end = endOfNumber(text, at + 1);
      // -0 has two characters; whatever is longer than this has an exponent, or more digits than one can be sure of.
      if (code === 0x2d || end - at > 3) holdsDelicateNumber ||= isDelicate(text, at, end);
      at = end - 1;
    }
  }
  return holdsDelicateNumber ? delicate : plain;
}

/** Strings that are longer than this are searched by the engine's own means. */
const shortString = 16;

/** The closing quote of the string that begins at `from`; the text's length where there is none. */
export function endOfString(text: string, from: number): number {
  const limit = Math.min(text.length, from + shortString);
  let at = from;
  while (at < limit) {
    const code = text.charCodeAt(at);
    if (code === 0x22) return at;
    at += code === 0x5c ? 2 : 1;
  }
  for (;;) {
    const quote = text.indexOf('"', at);
    if (quote === -1) return text.length;
    // A quote behind an odd number of backslashes is part of the string.
    let first = quote;
    while (first > at && text.charCodeAt(first - 1) === 0x5c) first -= 1;
    if ((quote - first) % 2 === 0) return quote;
    at = quote + 1;
  }
}

/** Letters of numbers alone: e, E, plus, minus, dot and digits. */
function endOfNumber(text: string, from: number): number {
  let at = from;
  for (;;) {
    const code = text.charCodeAt(at);
    const isPart = code <= 0x39 ? code >= 0x2b && code !== 0x2c : code === 0x65 || code === 0x45;
    if (!isPart) return at;
    at += 1;
  }
}

function isDelicate(text: string, from: number, to: number): boolean {
  if (to - from <= keptDigits && text.charCodeAt(from) !== 0x2d) return hasLargeExponent(text, from, to);
  let digits = 0;
  let isZero = true;
  for (let at = from; at < to; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 0x65 || code === 0x45) break;
    if (code < 0x30) continue;
    if (code !== 0x30) isZero = false;
    digits += 1;
  }
  const isNegativeZero = isZero && text.charCodeAt(from) === 0x2d;
  return digits > keptDigits || isNegativeZero || hasLargeExponent(text, from, to);
}

function hasLargeExponent(text: string, from: number, to: number): boolean {
  for (let at = to - 4; at > from; at -= 1) {
    const code = text.charCodeAt(at);
    if (code === 0x65 || code === 0x45) return true;
  }
  return false;
}
