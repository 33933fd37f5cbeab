import type { Namespace, NamespaceQuery } from '../contract/store/item-store.ts';
import { beforeOf, endOf, namespaceOf, pathOf } from './item-rows.ts';

/** Paths per query: a few milliseconds of either database. */
const sliceSize = 1000;

/** Reads the next distinct paths of a tenant between two texts, both excluded, in order. */
export type ReadPaths = (after: string, until: string, max: number) => Promise<readonly string[]>;

/** Lists the namespaces of a tenant slice by slice, with one step per namespace rather than per item. */
export async function walkNamespaces(query: NamespaceQuery, readPaths: ReadPaths): Promise<readonly Namespace[]> {
  const { limit, maxDepth = Number.POSITIVE_INFINITY } = query;
  const [prefix, suffix] = [pathOf(query.prefix), pathOf(query.suffix)];
  const until = endOf(prefix);
  const found: Namespace[] = [];
  let toSkip = query.offset;
  let after = beforeOf(prefix);
  // The last listed namespace that was cut: whatever is below it would be cut to the same.
  let listed: string | null = null;
  let size = Math.min(sliceSize, query.offset + limit);
  for (;;) {
    const paths = await readPaths(after, until, size);
    for (const path of paths) {
      after = path;
      if (listed !== null && path.startsWith(listed)) continue;
      if (!path.endsWith(suffix)) continue;
      const namespace = namespaceOf(path);
      const cut = namespace.length < maxDepth ? namespace : namespace.slice(0, maxDepth);
      listed = cut.length < maxDepth ? null : pathOf(cut);
      if (toSkip > 0) toSkip -= 1;
      else found.push(cut);
      if (found.length === limit) return found;
    }
    if (paths.length < size) return found;
    if (listed !== null && after.startsWith(listed)) after = endOf(listed);
    size = sliceSize;
  }
}
