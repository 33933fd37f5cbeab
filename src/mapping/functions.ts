/** How many arguments a function takes. The first may come from the context, or from before `~>`. */
export type Arity = { readonly min: number; readonly max: number };

/**
 * JSONata's functions with the number of their arguments, without `$eval`: a vendor's data must never run as an
 * expression. The last one is ours.
 */
const table = `
  sum 1, count 1, max 1, min 1, average 1, string 0-2, substring 1-3, substringBefore 1-2, substringAfter 1-2,
  lowercase 0-1, uppercase 0-1, length 0-1, trim 0-1, pad 1-3, match 1-3, contains 1-2, replace 2-4, split 1-3,
  join 1-2, formatNumber 1-3, formatBase 0-2, formatInteger 1-2, parseInteger 1-2, number 0-1, floor 0-1, ceil 0-1,
  round 0-2, abs 0-1, sqrt 0-1, power 1-2, random 0, boolean 0-1, not 0-1, map 2, zip 1-, filter 2, single 1-2,
  reduce 2-3, sift 0-2, keys 0-1, lookup 1-2, append 2, exists 1, spread 0-1, merge 1, reverse 1, each 1-2, error 0-1,
  assert 1-2, type 1, sort 1-2, shuffle 1, distinct 1, base64encode 0-1, base64decode 0-1, encodeUrlComponent 0-1,
  encodeUrl 0-1, decodeUrlComponent 0-1, decodeUrl 0-1, toMillis 0-2, fromMillis 0-3, clone 0-1, now 0-2, millis 0,
  parseJson 1`;

export const functions: ReadonlyMap<string, Arity> = new Map(
  table.split(',').map((row) => {
    const [name = '', counts = ''] = row.trim().split(' ');
    const [min = '', max = min] = counts.split('-');
    return [name, { min: Number(min), max: max === '' ? Number.POSITIVE_INFINITY : Number(max) }];
  }),
);

export function sayArity({ min, max }: Arity): string {
  const noun = min === 1 && (max === 1 || max === Number.POSITIVE_INFINITY) ? 'argument' : 'arguments';
  if (min === max) return `${min === 0 ? 'no' : min} ${noun}`;
  return max === Number.POSITIVE_INFINITY ? `at least ${min} ${noun}` : `${min} to ${max} ${noun}`;
}
