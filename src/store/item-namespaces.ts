import type { Namespace, NamespaceQuery } from '../contract/store/item-store.ts';
import { beforeOf, endOf, namespaceOf, pathOf } from './item-rows.ts';

/** So many paths are asked for at once: a few milliseconds of either database. */
const sliceSize = 1000;

/** The next paths of a tenant that lie between two texts, without them, in order, each once. */
export type ReadPaths = (after: string, until: string, max: number) => Promise<readonly string[]>;

/** Walks through the namespaces of a tenant slice by slice, one step for each and not for each item. */
export async function walkNamespaces(query: NamespaceQuery, readPaths: ReadPaths): Promise<readonly Namespace[]> {
  const { limit, maxDepth = Number.POSITIVE_INFINITY } = query;
  const [prefix, suffix] = [pathOf(query.prefix), pathOf(query.suffix)];
  const until = endOf(prefix);
  const found: Namespace[] = [];
  let toSkip = query.offset;
  let after = beforeOf(prefix);
  // Whatever is beneath this one would be cut to it.
  let told: string | null = null;
  let size = Math.min(sliceSize, query.offset + limit);
  for (;;) {
    const paths = await readPaths(after, until, size);
    for (const path of paths) {
      after = path;
      if (told !== null && path.startsWith(told)) continue;
      if (!path.endsWith(suffix)) continue;
      const namespace = namespaceOf(path);
      const cut = namespace.length < maxDepth ? namespace : namespace.slice(0, maxDepth);
      told = cut.length < maxDepth ? null : pathOf(cut);
      if (toSkip > 0) toSkip -= 1;
      else found.push(cut);
      if (found.length === limit) return found;
    }
    if (paths.length < size) return found;
    if (told !== null && after.startsWith(told)) after = endOf(told);
    size = sliceSize;
  }
}
