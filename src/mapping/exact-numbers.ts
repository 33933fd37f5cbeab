import type { ExactNumber } from '../contract/domain/json.ts';
import { isExactNumber } from '../json/exact-number.ts';

/** Data for an expression that may move the exact numbers in it, and do nothing else with them. */
export type VeiledData = {
  readonly input: unknown;
  /** The path of the exact number that was read last; null: none was. */
  lastRead(): string | null;
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
 * Copies data and puts values in the place of its exact numbers that refuse to be looked into. JSONata takes an object for
 * one that equals no number, so that a comparison must be refused by what was read: each read of one is noted.
 */
export function veilExactNumbers(data: unknown): VeiledData {
  const numbers = new WeakMap<object, ExactNumber>();
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
    const veil = veilOf(path);
    numbers.set(veil, member);
    const get = () => {
      last = path;
      return veil;
    };
    return { get };
  }

  let input: unknown;
  if (isExactNumber(data)) {
    const veil = veilOf('$');
    numbers.set(veil, data);
    last = '$';
    input = veil;
  } else input = copy(data, '');
  return { input, lastRead: () => last, unveil: (value) => numbers.get(value) };
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
