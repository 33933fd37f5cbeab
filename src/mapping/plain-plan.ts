import type { Json } from '../contract/domain/json.ts';
import { isExactNumber } from '../json/exact-number.ts';
import { pathOf } from './syntax.ts';

/**
 * An expression that needs no JSONata: constants, plain dotted paths, and objects and lists of them. Its evaluation takes
 * time that grows with the expression alone.
 */
export type PlainPlan =
  | { readonly kind: 'constant'; readonly value: Json }
  | { readonly kind: 'path'; readonly names: readonly string[] }
  | { readonly kind: 'object'; readonly members: readonly (readonly [name: string, plan: PlainPlan])[] }
  | { readonly kind: 'list'; readonly items: readonly PlainPlan[] };

/** The walk met an array on the way of a path, over which JSONata maps. */
export const metArray = Symbol('an array is on the way');

/** The plan of a syntax tree of JSONata 2.2; undefined where it needs JSONata. */
export function planOf(tree: unknown): PlainPlan | undefined {
  const constant = constantIn(tree);
  if (constant !== undefined) return { kind: 'constant', value: constant };
  const names = pathOf(tree);
  if (names !== undefined) return { kind: 'path', names };
  if (!isNode(tree) || tree.type !== 'unary') return undefined;
  if (!Object.keys(tree).every((key) => plainKeys.has(key))) return undefined;
  if (tree.value === '{' && Array.isArray(tree.lhs)) return planObject(tree.lhs);
  return tree.value === '[' && Array.isArray(tree.expressions) ? planList(tree.expressions) : undefined;
}

/** The value of a syntax tree that is a constant; undefined for every other. */
export function constantIn(tree: unknown): Json | undefined {
  if (!isNode(tree) || !Object.keys(tree).every((key) => plainKeys.has(key))) return undefined;
  const isConstant = tree.type === 'string' || tree.type === 'number' || tree.type === 'value';
  return isConstant ? (tree.value as Json) : undefined;
}

/** The value of a plan; {@link metArray} where only JSONata can give it. */
export function followPlan(plan: PlainPlan, data: unknown): Json | undefined | typeof metArray {
  switch (plan.kind) {
    case 'constant':
      return plan.value;
    case 'path':
      return walkPath(plan.names, data);
    case 'object': {
      if (Array.isArray(data)) return metArray;
      const members: [string, Json][] = [];
      for (const [name, member] of plan.members) {
        const value = followPlan(member, data);
        if (value === metArray) return metArray;
        if (value !== undefined) members.push([name, value]);
      }
      return Object.fromEntries(members);
    }
    default: {
      const items: Json[] = [];
      for (const item of plan.items) {
        const value = followPlan(item, data);
        if (value === metArray) return metArray;
        if (value !== undefined) items.push(value);
      }
      return items;
    }
  }
}

function walkPath(names: readonly string[], data: unknown): Json | undefined | typeof metArray {
  let value = data;
  for (const name of names) {
    if (Array.isArray(value)) return metArray;
    if (typeof value !== 'object' || value === null || isExactNumber(value) || !Object.hasOwn(value, name)) {
      return undefined;
    }
    value = (value as Record<string, unknown>)[name];
  }
  return value as Json | undefined;
}

type Node = { readonly [key: string]: unknown };

const plainKeys: ReadonlySet<string> = new Set(['type', 'value', 'position', 'lhs', 'expressions', 'consarray']);

function planObject(pairs: readonly unknown[]): PlainPlan | undefined {
  const members: [string, PlainPlan][] = [];
  const names = new Set<string>();
  for (const pair of pairs) {
    const [key, value] = Array.isArray(pair) ? (pair as readonly unknown[]) : [];
    const name = constantIn(key);
    const plan = planOf(value);
    // JSONata refuses a key that stands twice when it evaluates.
    if (typeof name !== 'string' || plan === undefined || names.has(name)) return undefined;
    names.add(name);
    members.push([name, plan]);
  }
  return { kind: 'object', members };
}

/** A list within a list stays one, but an array that a path finds is taken apart by JSONata. */
function planList(expressions: readonly unknown[]): PlainPlan | undefined {
  const items = expressions.map(planOf);
  if (!items.every((item) => item !== undefined && item.kind !== 'path')) return undefined;
  return { kind: 'list', items: items as readonly PlainPlan[] };
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
