/** A longer word is no misspelling of a name, and comparing it would take long. */
const maxLength = 200;
const minBeginning = 3;

/**
 * The known word that is nearest to `word`, or undefined when none is near enough to suggest. Of equally near ones the
 * first; when none is near, the shortest that begins or ends with it (`timeout` for `timeoutSeconds`, `url` for `baseUrl`).
 */
export function findNearest(word: string, known: Iterable<string>): string | undefined {
  if (word.length > maxLength) return undefined;
  const words = [...known];
  const wanted = fold(word);
  return findMisspelt(word, words) ?? (wanted.length < minBeginning ? undefined : findLonger(wanted, words));
}

/** A name that is none of the known ones, quoted and cut, with the nearest of those. */
export function quoteUnknown(name: string, known: Iterable<string>): string {
  const quoted = JSON.stringify(name.length > maxLength ? `${name.slice(0, maxLength)}…` : name);
  const nearest = findNearest(name, known);
  return nearest === undefined ? quoted : `${quoted}; did you mean "${nearest}"?`;
}

/** The known word of which `word` is a misspelling or another spelling, if any. */
export function findMisspelt(word: string, known: Iterable<string>): string | undefined {
  if (word === '' || word.length > maxLength) return undefined;
  const wanted = fold(word);
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of known) {
    const folded = fold(candidate);
    // No number of edits makes up for a difference in length.
    if (Math.abs(folded.length - wanted.length) >= bestDistance) continue;
    const distance = measureDistance(wanted, folded);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function findLonger(wanted: string, words: readonly string[]): string | undefined {
  const byLength = words.toSorted((a, b) => a.length - b.length);
  return byLength.find((each) => fold(each).startsWith(wanted)) ?? byLength.find((each) => fold(each).endsWith(wanted));
}

/** People read `base_url`, `base-url` and `baseURL` as one word. */
function fold(word: string): string {
  return word.toLowerCase().replaceAll(/[-_\s]/g, '');
}

/** Edits (insert, delete, replace, swap neighbours) between two words. */
function measureDistance(a: string, b: string): number {
  let beforeLast: readonly number[] = [];
  let last: readonly number[] = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let cost = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (same ? 0 : 1),
      );
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) cost = Math.min(cost, (beforeLast[column - 2] ?? 0) + 1);
      current.push(cost);
    }
    beforeLast = last;
    last = current;
  }
  return last[b.length] ?? 0;
}
