/** One commented key of the example: its lines, and where they stand. */
export type OffKey = { readonly name: string; readonly first: number; readonly last: number };

/** A `#` directly before a key comments it out, with the lines below that stand deeper behind a `#`. */
export function findOffKeys(text: string): readonly OffKey[] {
  const lines = text.split('\n');
  return lines.flatMap((line, first) => {
    const [, indent = '', name] = /^( *)#([\w-]+):/.exec(line) ?? [];
    if (name === undefined) return [];
    const isInside = (each: string) => each.startsWith(`${indent}#  `);
    const end = lines.findIndex((each, at) => at > first && !isInside(each));
    return [{ name, first, last: (end < 0 ? lines.length : end) - 1 }];
  });
}

/** The text with the `#` of those keys taken off, and nothing else changed. */
export function uncomment(text: string, keys: readonly OffKey[]): string {
  return text
    .split('\n')
    .map((line, at) => (keys.some(({ first, last }) => at >= first && at <= last) ? line.replace('#', '') : line))
    .join('\n');
}
