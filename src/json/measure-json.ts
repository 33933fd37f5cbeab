import { isExactNumber } from './exact-number.ts';

/** How large a JSON value is. */
export type JsonSize = {
  /** Values in it, itself among them: members, items, scalars. */
  readonly nodes: number;
  /** Items of arrays among them. */
  readonly items: number;
  /** UTF-16 units of its texts and of its members' names. */
  readonly chars: number;
  /** Objects and arrays that stand inside one another. */
  readonly depth: number;
  readonly holdsExactNumber: boolean;
};

/** What a measurement stops at. */
export type SizeBounds = { readonly maxNodes: number; readonly maxChars: number };

/** The size of a JSON value; null as soon as it is known to be over a bound, so that the cost is bounded too. */
export function measureJson(value: unknown, { maxNodes, maxChars }: SizeBounds): JsonSize | null {
  let nodes = 0;
  let items = 0;
  let chars = 0;
  let depth = 0;
  let holdsExactNumber = false;
  const visit = (part: unknown, level: number): boolean => {
    nodes += 1;
    if (nodes > maxNodes) return false;
    if (typeof part === 'string') {
      chars += part.length;
      return chars <= maxChars;
    }
    if (typeof part !== 'object' || part === null) return true;
    if (level > depth) depth = level;
    if (Array.isArray(part)) {
      if (nodes + part.length > maxNodes) return false;
      items += part.length;
      for (const item of part) if (!visit(item, level + 1)) return false;
      return true;
    }
    if (isExactNumber(part)) {
      holdsExactNumber = true;
      chars += part.source.length;
      return chars <= maxChars;
    }
    for (const name in part) {
      chars += name.length;
      if (chars > maxChars || !visit((part as Record<string, unknown>)[name], level + 1)) return false;
    }
    return true;
  };
  return visit(value, 1) ? { nodes, items, chars, depth, holdsExactNumber } : null;
}

/** Whether an exact number stands anywhere in the value. */
export function holdsExactNumber(value: unknown): boolean {
  const size = measureJson(value, { maxNodes: Number.POSITIVE_INFINITY, maxChars: Number.POSITIVE_INFINITY });
  return size?.holdsExactNumber === true;
}
