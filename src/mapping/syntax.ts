import jsonata from 'jsonata';
import { findNearest } from '../collections/nearest-word.ts';
import { LinearRegExp } from '../compute/linear-regexp.ts';
import { functions, sayArity } from './functions.ts';

/** What is known about an expression without running it. */
export type Syntax = {
  /** JSONata marks arrays of its input while it evaluates such an expression. */
  readonly marksInput: boolean;
  /** What is sure to fail when the expression runs: misspelt functions, regular expressions that take too long. */
  readonly mistakes: readonly string[];
};

type Node = { readonly [key: string]: unknown };

/** Why an expression must not be used; undefined when it may be. */
export function findMistake(text: string): string | undefined {
  try {
    const { mistakes } = readSyntax(jsonata(text).ast());
    return mistakes.length === 0 ? undefined : `the expression cannot work: ${mistakes.join('; ')}`;
  } catch (error) {
    // JSONata throws plain objects that only look like errors.
    const { message, position } = error as { message?: unknown; position?: unknown };
    const place = typeof position === 'number' ? ` (at character ${position})` : '';
    return `the expression does not parse: ${String(message)}${place}`;
  }
}

/** Reads a syntax tree of JSONata 2.2. Names are collected without regard to scope: it is a check for typos. */
export function readSyntax(tree: unknown): Syntax {
  const used = new Set<string>();
  const called = new Set<string>();
  const defined = new Set<string>(['', '$']);
  const regexps: RegExp[] = [];
  const calls: Call[] = [];
  // What stands before `~>` is the first argument of the call behind it.
  const piped = new Set<unknown>();
  let marksInput = false;
  for (const node of nodesOf(tree)) {
    if (node.type === 'regex' && node.value instanceof RegExp) regexps.push(node.value);
    if (node.type === 'variable' && typeof node.value === 'string') used.add(node.value);
    if (node.type === 'function') called.add(nameWithoutSign(node.procedure));
    if (node.type === 'apply') piped.add(node.rhs);
    if (node.type === 'function' || node.type === 'partial') calls.push({ node, name: calledFunction(node) });
    if (node.keepArray === true || node.keepSingletonArray === true) marksInput = true;
    for (const name of definedBy(node)) defined.add(name);
  }
  called.delete('');
  const unknown = [...used].filter((name) => !defined.has(name) && !functions.has(name));
  const known = [...functions.keys(), ...defined].filter((name) => name !== '' && name !== '$');
  const mistakes = [
    ...unknown.map((name) => `nothing defines $${name}${sayNearest(name, known)}`),
    ...[...called].map((name) => sayWithoutSign(name, known)),
    ...calls.flatMap((call) => (defined.has(call.name) ? [] : (sayMiscounted(call, piped.has(call.node)) ?? []))),
    ...regexps.flatMap((regexp) => sayUnusable(regexp) ?? []),
  ];
  return { marksInput, mistakes };
}

type Call = { readonly node: Node; readonly name: string };

/** The name in `$name(...)`; empty for every other call. */
function calledFunction({ procedure }: Node): string {
  return isNode(procedure) && procedure.type === 'variable' ? String(procedure.value) : '';
}

function sayNearest(name: string, known: readonly string[]): string {
  const nearest = findNearest(name, known);
  return nearest === undefined ? '' : `; did you mean $${nearest}?`;
}

function sayWithoutSign(name: string, known: readonly string[]): string {
  const meant = known.includes(name) ? name : (findNearest(name, known) ?? name);
  return `${name}(...) calls no function; did you mean $${meant}(...)?`;
}

function sayMiscounted({ node, name }: Call, isPiped: boolean): string | undefined {
  const arity = functions.get(name);
  if (arity === undefined || !Array.isArray(node.arguments)) return undefined;
  const count = node.arguments.length + Number(isPiped);
  if (count >= arity.min && count <= arity.max) return undefined;
  return `$${name} takes ${sayArity(arity)}, and has ${count === 0 ? 'none' : count}${isPiped ? ' with the one before ~>' : ''}`;
}

function sayUnusable(regexp: RegExp): string | undefined {
  try {
    new LinearRegExp(regexp);
    return undefined;
  } catch (error) {
    return `${regexp} ${error instanceof Error ? error.message : 'cannot be used'}`;
  }
}

/** The name of a called member, as in `not(x)`; empty for a proper call. */
function nameWithoutSign(procedure: unknown): string {
  if (!isNode(procedure) || procedure.type !== 'path' || !Array.isArray(procedure.steps)) return '';
  const [first] = procedure.steps;
  return isNode(first) && first.type === 'name' ? String(first.value) : '';
}

function definedBy(node: Node): string[] {
  const names: unknown[] = [node.focus, node.index];
  if (node.type === 'index') names.push(node.value);
  if (node.type === 'bind' && isNode(node.lhs)) names.push(node.lhs.value);
  if (node.type === 'lambda' && Array.isArray(node.arguments)) {
    for (const argument of node.arguments) if (isNode(argument)) names.push(argument.value);
  }
  return names.filter((name) => typeof name === 'string');
}

/** Member names from the root, when the expression is a plain dotted path and nothing more. */
export function pathOf(tree: unknown): readonly string[] | undefined {
  if (isRoot(tree)) return [];
  if (!isNode(tree) || tree.type !== 'path' || !Array.isArray(tree.steps) || !onlyHas(tree, ['steps', 'type'])) {
    return undefined;
  }
  const names: string[] = [];
  for (const [index, step] of tree.steps.entries()) {
    if (index === 0 && isRoot(step)) continue;
    if (!isNode(step) || step.type !== 'name' || typeof step.value !== 'string' || !isBare(step)) return undefined;
    names.push(step.value);
  }
  return names;
}

function isRoot(node: unknown): boolean {
  return isNode(node) && node.type === 'variable' && (node.value === '' || node.value === '$') && isBare(node);
}

function isBare(node: Node): boolean {
  return onlyHas(node, ['type', 'value', 'position']);
}

function onlyHas(node: Node, keys: readonly string[]): boolean {
  return Object.keys(node).every((key) => keys.includes(key));
}

export function* nodesOf(tree: unknown): Generator<Node> {
  const seen = new Set<object>();
  const left: unknown[] = [tree];
  while (left.length > 0) {
    const next = left.pop();
    if (typeof next !== 'object' || next === null || seen.has(next)) continue;
    seen.add(next);
    left.push(...Object.values(next));
    if (isNode(next)) yield next;
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
