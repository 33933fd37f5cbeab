import { LinearRegExp } from '../compute/linear-regexp.ts';

/** How large the data of an evaluation is. */
export type DataSize = {
  /** Values, and an eighth of the characters of their texts. */
  readonly units: number;
  /** Items of arrays: only they make a step of a path happen more than once. */
  readonly items: number;
  /** The data as a whole is an array. */
  readonly isArray: boolean;
};

/** The values that a part of an expression gives, added up over all turns of the loops around it. */
type Values = {
  readonly units: number;
  /** Items of arrays in them. */
  readonly items: number;
  readonly count: number;
  /** Items of those of them that are arrays: what is done to each value is done to each of these. */
  readonly spread: number;
};

/** Where a part of an expression stands: inside a loop of so many turns, which all of them see `context`. */
type Scope = { readonly context: Values; readonly turns: number; readonly bound: Map<string, Bound> };
type Bound = { readonly values: Values; readonly turns: number };

type Node = { readonly [key: string]: unknown };

/** An expression may do what no bound is known for. */
class Unbounded extends Error {}

/**
 * How many steps of about half a microsecond an evaluation of a syntax tree of JSONata 2.2 takes at most, for any data
 * of a size: paths and predicates visit items, functions that are known read their arguments, values are counted through
 * variables. Infinity where no bound is known: ranges, functions that an expression defines, `**`, and all that this does
 * not know. Grows with either part of the size.
 */
export function estimateWork(tree: unknown, { units, items, isArray }: DataSize): number {
  const estimate = new Estimate({ units, items, count: 1, spread: isArray ? items : 0 });
  try {
    const result = estimate.visit(tree, { context: estimate.root, turns: 1, bound: new Map() });
    return estimate.steps + result.units / 4;
  } catch (error) {
    if (error instanceof Unbounded) return Number.POSITIVE_INFINITY;
    throw error;
  }
}

class Estimate {
  readonly root: Values;
  steps = 0;

  constructor(root: Values) {
    this.root = root;
  }

  visit(node: unknown, scope: Scope): Values {
    if (!isNode(node) || node.focus !== undefined || node.index !== undefined || node.tuple !== undefined) {
      throw new Unbounded();
    }
    this.steps += scope.turns;
    const plain = this.#visitBare(node, scope);
    const filtered = this.#filter(plain, [...listOf(node.predicate), ...listOf(node.stages)], scope);
    return node.group === undefined ? filtered : this.#members(listOf((node.group as Node).lhs), filtered, scope);
  }

  #visitBare(node: Node, scope: Scope): Values {
    switch (node.type) {
      case 'string':
        return { ...scalars(scope.turns), units: scope.turns * (1 + String(node.value).length / 8) };
      case 'number':
      case 'value':
      case 'regex':
        return scalars(scope.turns);
      case 'name':
        return this.#select(scope.context);
      case 'wildcard':
        this.steps += scope.context.units;
        return { ...scope.context, count: scope.context.units, spread: scope.context.items };
      case 'variable':
        return this.#variable(String(node.value), scope);
      case 'path':
        return this.#path(node, scope);
      case 'binary':
        return this.#binary(node, scope);
      case 'unary':
        return this.#unary(node, scope);
      case 'condition':
        return this.#all(
          [node.condition, node.then, node.else].filter((part) => part !== undefined),
          scope,
        );
      case 'block': {
        const inner = { ...scope, bound: new Map(scope.bound) };
        return listOf(node.expressions).reduce<Values>((_, part) => this.visit(part, inner), nothing);
      }
      case 'bind': {
        const values = this.visit(node.rhs, scope);
        scope.bound.set(String((node.lhs as Node).value), { values, turns: scope.turns });
        return values;
      }
      case 'function':
        return this.#call(node, listOf(node.arguments), scope);
      case 'lambda':
        // A call at the end of a function is put off by JSONata until the function is left; another function may do anything.
        if (node.thunk !== true) throw new Unbounded();
        return this.visit(node.body, scope);
      case 'apply': {
        const { lhs, rhs } = node;
        if (!isNode(rhs) || rhs.type !== 'function') throw new Unbounded();
        return this.#call(rhs, [lhs, ...listOf(rhs.arguments)], scope);
      }
      default:
        throw new Unbounded();
    }
  }

  #variable(name: string, { context, turns, bound }: Scope): Values {
    if (name === '') return context;
    if (name === '$') return times(this.root, turns);
    const known = bound.get(name);
    if (known === undefined) throw new Unbounded();
    // Seen from a loop further in, each turn may see the largest of the values.
    return known.turns === turns ? known.values : times(known.values, turns);
  }

  #path(node: Node, scope: Scope): Values {
    let values = scope.context;
    for (const [index, step] of listOf(node.steps).entries()) {
      if (!isNode(step)) throw new Unbounded();
      if (step.type === 'sort') {
        values = this.#sort(listOf(step.terms), values, scope);
        continue;
      }
      // A first step that is a variable has the context as it is; every other one is taken for each item.
      const turns = index === 0 && step.type === 'variable' ? scope.turns : values.count + values.spread;
      values = this.visit(step, { context: values, turns, bound: scope.bound });
    }
    if (node.keepSingletonArray === true) this.steps += this.root.units;
    return values;
  }

  #filter(values: Values, filters: readonly unknown[], { bound }: Scope): Values {
    for (const filter of filters) {
      if (!isNode(filter) || filter.type !== 'filter') throw new Unbounded();
      this.visit(filter.expr, { context: values, turns: values.count + values.spread, bound });
    }
    return values;
  }

  #sort(terms: readonly unknown[], values: Values, { bound }: Scope): Values {
    const turns = values.count + values.spread;
    const before = this.steps;
    for (const term of terms) this.visit((term as Node).expression, { context: values, turns, bound });
    this.steps += (this.steps - before + turns) * 2 * Math.ceil(Math.log2(turns + 2));
    return values;
  }

  #select(context: Values): Values {
    this.steps += context.spread;
    return { ...context, count: context.count + context.spread, spread: context.items };
  }

  #members(pairs: readonly unknown[], context: Values, { bound }: Scope): Values {
    const turns = context.count + context.spread;
    const inner = { context, turns, bound };
    const values = pairs.flatMap((pair) => listOf(pair)).map((part) => this.visit(part, inner));
    return { ...sum(values), count: turns, spread: 0 };
  }

  #binary(node: Node, scope: Scope): Values {
    if (node.value === '..') throw new Unbounded();
    const [left, right] = [this.visit(node.lhs, scope), this.visit(node.rhs, scope)];
    const both = sum([left, right]);
    this.steps += node.value === '&' ? both.units : both.units / 4;
    return { ...scalars(scope.turns), units: node.value === '&' ? both.units * 2 : scope.turns };
  }

  #unary(node: Node, scope: Scope): Values {
    if (node.value === '[') {
      const all = this.#all(listOf(node.expressions), scope);
      return listed({ ...all, units: all.units + scope.turns }, scope.turns);
    }
    return node.value === '{'
      ? this.#members(listOf(node.lhs), scope.context, scope)
      : this.visit(node.expression, scope);
  }

  #all(nodes: readonly unknown[], scope: Scope): Values {
    return sum(nodes.map((node) => this.visit(node, scope)));
  }

  #call({ procedure }: Node, args: readonly unknown[], scope: Scope): Values {
    const name = isNode(procedure) && procedure.type === 'variable' ? String(procedure.value) : '';
    if (scope.bound.has(name)) throw new Unbounded();
    const [first, second] = args;
    if (loops.has(name) && isNode(second) && second.type === 'lambda') return this.#loop(first, second, name, scope);
    const [regexp, rest] = [args.filter(isRegExp)[0], args.filter((arg) => !isRegExp(arg))];
    // A function that is given less than it needs takes the context instead.
    const given = rest.map((arg) => this.visit(arg, scope));
    const needs = arity[name] ?? 1;
    const taken = args.length < needs ? [scope.context, ...given] : given;
    return this.#known(name, taken, { args, regexp, turns: scope.turns });
  }

  #known(
    name: string,
    given: readonly Values[],
    { args, regexp, turns }: { readonly args: readonly unknown[]; readonly regexp: unknown; readonly turns: number },
  ): Values {
    const all = sum(given);
    const each = all.count + all.items;
    const scalar = scalars(turns);
    if (regexp !== undefined) this.steps += (all.units * new LinearRegExp((regexp as Node).value as RegExp).size) / 6;
    if (counting.has(name)) {
      this.steps += each;
      return scalar;
    }
    if (reading.has(name)) {
      this.steps += all.units;
      return listed({ ...all, units: 2 * all.units, items: listing.has(name) ? all.units : all.items }, turns);
    }
    const chars = 8 * all.units;
    const [subject = nothing, other = nothing, third = nothing] = given;
    switch (name) {
      case 'join':
        return this.#made(subject.units + (subject.count + subject.items) * other.units, turns);
      case 'split':
      case 'match':
      case 'parseJson':
        this.steps += chars;
        return listed({ ...nothing, units: 4 * chars, items: 2 * chars }, turns);
      case 'replace':
        if (regexp === undefined && args.length < 3) throw new Unbounded();
        return this.#made(chars * (1 + (regexp === undefined ? third : other).units), turns);
      case 'distinct':
        this.steps += each * all.units;
        return all;
      case 'sort':
        if (args.length > 1) throw new Unbounded();
        this.steps += (each + all.units) * 4 * Math.ceil(Math.log2(each + 2));
        return listed(all, turns);
      case 'pad': {
        const width = isNode(args[1]) && args[1].type === 'number' ? Number(args[1].value) : Number.NaN;
        if (!(Math.abs(width) <= 1000)) throw new Unbounded();
        return this.#made(all.units + turns * 125 * (1 + third.units), turns);
      }
      case 'formatNumber':
      case 'formatBase':
      case 'formatInteger':
      case 'fromMillis':
        for (const arg of args.slice(1)) {
          const isConstant = isNode(arg) && (arg.type === 'string' || arg.type === 'number');
          if (!isConstant || isLongPicture(arg.value)) throw new Unbounded();
        }
        this.steps += 100 * turns + all.units;
        return this.#made(all.units + 8 * turns, turns);
      case 'toMillis':
        if (args.length > 1) throw new Unbounded();
        this.steps += all.units;
        return scalar;
      default:
        throw new Unbounded();
    }
  }

  /** `$map` and its kin with a function that is written out in the call: it cannot call itself. */
  #loop(list: unknown, lambda: Node, name: string, scope: Scope): Values {
    if (lambda.signature !== undefined) throw new Unbounded();
    const values = this.visit(list, scope);
    const turns = name === 'each' || name === 'sift' ? values.units : values.count + values.spread;
    const bound = new Map(scope.bound);
    const [item, index, whole] = listOf(lambda.arguments).map((argument) => String((argument as Node).value));
    if (item !== undefined) bound.set(item, { values: { ...values, count: turns, spread: values.items }, turns });
    if (index !== undefined) bound.set(index, { values: scalars(turns), turns });
    if (whole !== undefined) bound.set(whole, { values: times(values, turns), turns });
    const result = this.visit(lambda.body, { context: times(scope.context, turns), turns, bound });
    this.steps += 4 * turns;
    if (name === 'filter' || name === 'sift' || name === 'single') return listed(values, scope.turns);
    return listed(result, scope.turns);
  }

  #made(units: number, turns: number): Values {
    this.steps += units;
    return { ...scalars(turns), units: units + turns };
  }
}

const maxPictureLength = 1000;
const maxPictureWidth = 1000;

/** Whether the picture of a number or of a date asks for more characters than anybody reads. */
export function isLongPicture(picture: unknown): boolean {
  if (typeof picture !== 'string') return false;
  if (picture.length > maxPictureLength) return true;
  const widths = [...picture.matchAll(/,([^\]]*)\]/g)].flatMap(([, width = '']) => width.match(/\d+/g) ?? []);
  return widths.some((width) => Number(width) > maxPictureWidth);
}

const nothing: Values = { units: 0, items: 0, count: 0, spread: 0 };
const loops: ReadonlySet<string> = new Set(['map', 'filter', 'single', 'each', 'sift']);
/** They look at each value once, not into it, and give a scalar. */
const counting: ReadonlySet<string> = new Set(
  'exists type boolean not count sum max min average number abs floor ceil round power sqrt now millis random error assert'.split(
    ' ',
  ),
);
/** They read all of their arguments and give no more than twice of it. */
const reading: ReadonlySet<string> = new Set(
  (
    'string length substring substringBefore substringAfter lowercase uppercase trim contains base64encode base64decode ' +
    'encodeUrl encodeUrlComponent decodeUrl decodeUrlComponent append keys lookup merge reverse spread zip'
  ).split(' '),
);
/** Those of them that make an array of the members of an object. */
const listing: ReadonlySet<string> = new Set(['keys', 'spread']);
/** Where it is not one. */
const arity: Readonly<Record<string, number>> = {
  ...{ substring: 2, substringBefore: 2, substringAfter: 2, contains: 2, split: 2, match: 2, replace: 3, pad: 2 },
  ...{ append: 2, lookup: 2, join: 1, zip: 1, power: 2, now: 0, millis: 0, random: 0, error: 0, assert: 1 },
  ...{ formatNumber: 2, formatInteger: 2 },
};

function sum(all: readonly Values[]): Values {
  return all.reduce(
    (a, b) => ({
      units: a.units + b.units,
      items: a.items + b.items,
      count: a.count + b.count,
      spread: a.spread + b.spread,
    }),
    nothing,
  );
}

function times({ units, items, count, spread }: Values, factor: number): Values {
  return { units: units * factor, items: items * factor, count: count * factor, spread: spread * factor };
}

function scalars(count: number): Values {
  return { units: count, items: 0, count, spread: 0 };
}

/** The same values as items of so many arrays. */
function listed({ units, items, count }: Values, lists: number): Values {
  return { units: units + lists, items: items + count, count: lists, spread: items + count };
}

function isRegExp(node: unknown): boolean {
  return isNode(node) && node.type === 'regex';
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
