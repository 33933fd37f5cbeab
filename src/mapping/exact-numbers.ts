import type jsonata from 'jsonata';
import type { ExactNumber } from '../contract/domain/json.ts';
import { isExactNumber } from '../json/exact-number.ts';
import { nodesOf } from './syntax.ts';

/** Data for an expression that may move the exact numbers in it, and do nothing else with them. */
export type VeiledData = {
  readonly input: unknown;
  /** The path of the exact number that was read last; null: none was. */
  lastRead(): string | null;
  /** What an expression of {@link guardComparisons} calls. */
  readonly functions: Readonly<Record<string, (value: unknown) => unknown>>;
  /** What stands in the data in the place of this value; undefined: it is no exact number. */
  unveil(value: object): ExactNumber | undefined;
};

/** An expression looked into an exact number: it computes with it, compares it or asks what it is. */
export class ExactNumberRead extends Error {
  readonly path: string;

  constructor(path: string) {
    super('an exact number cannot be computed with');
    this.name = 'ExactNumberRead';
    this.path = path;
  }
}

/** What JSONata and promises ask of every value that they hand on. */
const harmless: ReadonlySet<PropertyKey> = new Set([
  'then',
  'sequence',
  'keepSingleton',
  'outerWrapper',
  'tupleStream',
  'cons',
  '_jsonata_function',
  '_jsonata_lambda',
]);

/**
 * Copies data and puts values in the place of its exact numbers that refuse to be looked into. Each read of one is noted, for
 * errors of JSONata that do not say what they are about.
 */
export function veilExactNumbers(data: unknown): VeiledData {
  const numbers = new WeakMap<object, ExactNumber>();
  const paths = new WeakMap<object, string>();
  let last: string | null = null;

  function copy(value: unknown, path: string): unknown {
    if (typeof value !== 'object' || value === null) return value;
    const copied: object = Array.isArray(value) ? [] : {};
    for (const [name, member] of Object.entries(value)) {
      const at = Array.isArray(value) ? `${path}[${name}]` : `${path}${path === '' ? '' : '.'}${name}`;
      Object.defineProperty(copied, name, { ...describeMember(member, at), enumerable: true, configurable: true });
    }
    return copied;
  }

  function describeMember(member: unknown, path: string): PropertyDescriptor {
    if (!isExactNumber(member)) return { value: copy(member, path), writable: true };
    const veil = veilFor(member, path);
    const get = () => {
      last = path;
      return veil;
    };
    return { get };
  }

  function veilFor(number: ExactNumber, path: string): object {
    const veil = veilOf(path);
    numbers.set(veil, number);
    paths.set(veil, path);
    return veil;
  }

  let input: unknown;
  if (isExactNumber(data)) {
    last = '$';
    input = veilFor(data, '$');
  } else input = copy(data, '');
  const functions = {
    [comparable]: (value: unknown) => {
      refuseVeils(value, paths);
      return value;
    },
    type: (value: unknown) => typeOf(value, numbers),
  };
  return { input, functions, lastRead: () => last, unveil: (value) => numbers.get(value) };
}

function veilOf(path: string): object {
  const refuse = () => {
    throw new ExactNumberRead(path);
  };
  return new Proxy(Object.create(null) as object, {
    get: (_target, name) => (typeof name === 'symbol' || harmless.has(name) ? undefined : refuse()),
    has: refuse,
    ownKeys: refuse,
    getOwnPropertyDescriptor: refuse,
    set: refuse,
    defineProperty: refuse,
  });
}

const comparable = 'rungate_comparable';
const equalities: ReadonlySet<unknown> = new Set(['=', '!=', 'in']);

/**
 * Has an expression pass whatever it compares for equality to a function of {@link VeiledData}. JSONata would find by itself
 * that an object equals no number, without looking into it.
 */
export function guardComparisons(expression: jsonata.Expression): jsonata.Expression {
  for (const node of nodesOf(expression.ast())) {
    if (node.type !== 'binary' || !equalities.has(node.value)) continue;
    Object.assign(node, { lhs: callComparable(node.lhs), rhs: callComparable(node.rhs) });
  }
  return expression;
}

function callComparable(operand: unknown): object {
  const procedure = { type: 'variable', value: comparable, position: 0 };
  return { type: 'function', value: '(', position: 0, procedure, arguments: [operand] };
}

function refuseVeils(value: unknown, paths: WeakMap<object, string>): void {
  if (typeof value !== 'object' || value === null) return;
  const path = paths.get(value);
  if (path !== undefined) throw new ExactNumberRead(path);
  for (const member of Object.values(value)) refuseVeils(member, paths);
}

/** `$type` as JSONata has it, for which an exact number is a number. */
function typeOf(value: unknown, numbers: WeakMap<object, ExactNumber>): string | undefined {
  if (value === undefined) return undefined;
  if (value === null) return 'null';
  if (typeof value !== 'object') return typeof value;
  if (numbers.has(value)) return 'number';
  const isFunction = '_jsonata_function' in value || '_jsonata_lambda' in value;
  return isFunction ? 'function' : Array.isArray(value) ? 'array' : 'object';
}
