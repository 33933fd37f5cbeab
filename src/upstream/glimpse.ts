/** An answer that tells its status at all tells it early. */
const maxGlimpse = 65_536;

/**
 * The texts at the top level of a JSON object of which only the beginning, or only part of its bytes, can be read. Null: it
 * does not begin as an object. Nothing but text is taken, and of equal keys the last.
 */
export function glimpse(bytes: Uint8Array): Readonly<Record<string, string>> | null {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, maxGlimpse)).toString('utf8');
  if (!/^\uFEFF?\s*\{/.test(text)) return null;
  const seen: [string, string][] = [];
  let depth = 0;
  let key: string | null = null;
  let last: string | null = null;
  // A string with its quotes, or one character of the structure. A string that is cut goes to the end.
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*(?:"|\\?$)|[{}[\],:]/gs)) {
    if (depth === 1 && (token === ',' || token === '}') && key !== null && last !== null) seen.push([key, last]);
    if (token === '{' || token === '[') depth += 1;
    else if (token === '}' || token === ']') depth -= 1;
    else if (depth !== 1) continue;
    else if (token === ':') key = last;
    else if (token === ',') key = null;
    else {
      last = readString(token);
      continue;
    }
    last = null;
    if (depth === 0) break;
  }
  return Object.fromEntries(seen);
}

function readString(token: string): string | null {
  try {
    return JSON.parse(token) as string;
  } catch {
    return null;
  }
}
