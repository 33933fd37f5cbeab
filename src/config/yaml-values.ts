import { type Alias, isAlias, isMap, isScalar, isSeq, type Node, type Pair, Scalar, type YAMLMap } from 'yaml';
import { findNearest } from '../collections/nearest-word.ts';

/** Far beyond the largest config, and small enough that every later step over all values ends soon. */
const maxValues = 250_000;
/** Every later step may recurse to this depth. */
const maxDepth = 200;
const mergeKey = '<<';

export type YamlMistake = {
  readonly offset: number;
  /** Of the node that is wrong: behind its last character. Of a mapping or a list only the first is meant. */
  readonly end: number;
  readonly message: string;
  readonly hint?: string | undefined;
  /** Whether it is a key that stands twice, which is wrong whatever else the text has. */
  readonly isDuplicate: boolean;
};

/** What a node of a document is, and how many values it stands for once its aliases are followed. */
type Built = { readonly value: unknown; readonly size: number };

/**
 * The plain value of a YAML document, built here and not by the parser, which takes quadratic time over aliases and over
 * large mappings, and reports what is wrong with an alias without a place. Follows aliases and merge keys (`<<`).
 */
export class YamlValues {
  readonly mistakes: YamlMistake[] = [];
  readonly #anchors = new Map<string, Node>();
  readonly #built = new Map<unknown, Built>();
  readonly #open = new Set<unknown>();
  readonly #sources = new Map<Alias, Node>();
  readonly #members = new WeakMap<YAMLMap, ReadonlyMap<string, Pair>>();
  #isTooLarge = false;

  build(root: Node | null): unknown {
    return this.#build(root, 0).value;
  }

  /** The node that an alias stands for; every other node is itself. */
  follow(node: unknown): unknown {
    return isAlias(node) ? this.#sources.get(node) : node;
  }

  /** The pair that gives a member of a mapping: its own, or the one that is merged into it. */
  findMember(map: YAMLMap, name: string | number): Pair | undefined {
    const members = this.#membersOf(map);
    const own = members.get(String(name));
    if (own !== undefined) return own;
    const merge = members.get(mergeKey);
    if (merge === undefined || !isMergeKey(merge.key)) return undefined;
    for (const source of this.#mergedBy(merge.value)) {
      const found = isMap(source) ? this.findMember(source, name) : undefined;
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #build(node: unknown, depth: number): Built {
    if (this.#isTooLarge) return { value: null, size: 0 };
    if (isAlias(node)) return this.#buildAlias(node);
    const anchor = isScalar(node) || isMap(node) || isSeq(node) ? node.anchor : undefined;
    if (anchor !== undefined && anchor !== '') this.#anchors.set(anchor, node as Node);
    if (isScalar(node)) return { value: node.value, size: 1 };
    if (!isMap(node) && !isSeq(node)) return { value: null, size: 1 };
    if (depth > maxDepth) {
      this.#refuse(node, `is nested more than ${maxDepth} levels deep`);
      this.#isTooLarge = true;
      return { value: null, size: 0 };
    }
    this.#open.add(node);
    const built = isMap(node) ? this.#buildMap(node, depth) : this.#buildList(node.items, depth);
    this.#open.delete(node);
    if (anchor !== undefined) this.#built.set(node, built);
    return built;
  }

  #buildAlias(alias: Alias): Built {
    const source = this.#anchors.get(alias.source);
    if (source === undefined) {
      const hint = findNearest(alias.source, this.#anchors.keys());
      this.#refuse(alias, `*${alias.source} names no anchor before it`, hint);
      return { value: null, size: 1 };
    }
    if (this.#open.has(source)) {
      this.#refuse(alias, `*${alias.source} stands inside the value that it refers to`);
      return { value: null, size: 1 };
    }
    this.#sources.set(alias, source);
    return this.#built.get(source) ?? { value: isScalar(source) ? source.value : null, size: 1 };
  }

  #buildList(items: readonly unknown[], depth: number): Built {
    let size = 1;
    const value: unknown[] = [];
    for (const item of items) {
      const built = this.#build(item, depth + 1);
      value.push(built.value);
      size += built.size;
      if (this.#hasTooMany(size, item)) break;
    }
    return { value, size };
  }

  #buildMap(map: YAMLMap, depth: number): Built {
    let size = 1;
    const own = new Set<string>();
    const members = new Map<string, unknown>();
    for (const pair of map.items) {
      const name = nameOf(pair);
      const isMerge = isMergeKey(pair.key);
      if (own.has(name)) {
        const advice = isMerge ? '; merge several as <<: [*a, *b]' : '';
        this.#refuse(pair.key, `the key stands twice in one mapping${advice}`, undefined, true);
      }
      own.add(name);
      const built = this.#build(pair.value, depth + 1);
      size += built.size;
      if (this.#hasTooMany(size, pair.key)) break;
      if (!isMerge) members.set(name, built.value);
      else this.#merge(members, pair, built.value);
    }
    return { value: Object.fromEntries(members), size };
  }

  #hasTooMany(size: number, node: unknown): boolean {
    if (size > maxValues && !this.#isTooLarge) {
      this.#refuse(node, `the values up to here are more than ${maxValues}, aliases followed`);
      this.#isTooLarge = true;
    }
    return this.#isTooLarge;
  }

  /** A key of the mapping itself wins wherever it stands, and of several merged mappings the first. */
  #merge(members: Map<string, unknown>, pair: Pair, merged: unknown): void {
    const nodes = this.#mergedBy(pair.value);
    const values: readonly unknown[] = Array.isArray(merged) ? merged : [merged];
    if (!nodes.every((node) => isMap(node))) {
      // An alias that is wrong itself is reported already.
      const hasSource = !isAlias(pair.value) || this.#sources.has(pair.value);
      if (hasSource) this.#refuse(pair.key, '<< takes an alias of a mapping, or a list of such aliases');
      return;
    }
    for (const value of values) {
      for (const [name, member] of Object.entries(value ?? {})) if (!members.has(name)) members.set(name, member);
    }
  }

  #mergedBy(value: unknown): readonly unknown[] {
    const source = this.follow(value);
    return isSeq(source) ? source.items.map((item) => this.follow(item)) : [source];
  }

  #membersOf(map: YAMLMap): ReadonlyMap<string, Pair> {
    const known = this.#members.get(map) ?? new Map(map.items.map((pair) => [nameOf(pair), pair]));
    this.#members.set(map, known);
    return known;
  }

  #refuse(node: unknown, message: string, hint?: string, isDuplicate = false): void {
    const range = isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range : undefined;
    const [offset, valueEnd] = range ?? [0, 0];
    const end = isScalar(node) || isAlias(node) ? valueEnd : offset + 1;
    this.mistakes.push({ offset, end, message, hint, isDuplicate });
  }
}

function nameOf({ key }: Pair): string {
  return isScalar(key) ? String(key.value) : '';
}

/** In quotes it is a key like every other. */
function isMergeKey(key: unknown): boolean {
  return isScalar(key) && key.value === mergeKey && key.type === Scalar.PLAIN;
}
