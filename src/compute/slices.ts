/** What one call of JSON.parse, JSON.stringify or alike may handle: about a millisecond of it. */
export const sliceBounds = { maxNodes: 4000, maxChars: 65_536 };
export const sliceChars = 65_536;
/** The parts of a text. A pair of surrogates is not cut: alone, each would be escaped. */
export function* textSlices(text: string): Generator<string, undefined, undefined> {
  for (let at = 0; at < text.length; ) {
    let end = Math.min(text.length, at + sliceChars);
    if (end < text.length && (text.charCodeAt(end - 1) & 0xfc00) === 0xd800) end -= 1;
    yield text.slice(at, end);
    at = end;
  }
}
