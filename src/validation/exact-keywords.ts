import type { FuncKeywordDefinition } from 'ajv';
import type { Json } from '../contract/domain/json.ts';
import { canonicalJson } from '../json/canonical-json.ts';

/**
 * Keywords of JSON Schema that Ajv carries out another way: its `uniqueItems` is quadratic, its equality stumbles over
 * members that are called `constructor` or `valueOf`, and its `multipleOf` takes the remainder of doubles.
 */
export const exactKeywords: readonly FuncKeywordDefinition[] = [
  {
    keyword: 'uniqueItems',
    type: 'array',
    schemaType: 'boolean',
    errors: true,
    compile: (isOn: boolean) => (isOn ? failing(findDuplicate) : () => true),
  },
  {
    keyword: 'enum',
    schemaType: 'array',
    errors: true,
    compile: (allowed: readonly Json[]) => {
      const known = new Set(allowed.map(identify));
      const error = {
        keyword: 'enum',
        message: 'must be equal to one of the allowed values',
        params: { allowedValues: allowed },
      };
      return failing((value) => (known.has(identify(value)) ? null : error));
    },
  },
  {
    keyword: 'const',
    errors: true,
    compile: (allowed: Json) => {
      const wanted = identify(allowed);
      const error = { keyword: 'const', message: 'must be equal to constant', params: { allowedValue: allowed } };
      return failing((value) => (identify(value) === wanted ? null : error));
    },
  },
  {
    keyword: 'multipleOf',
    type: 'number',
    schemaType: 'number',
    errors: true,
    compile: (divisor: number) => {
      const error = {
        keyword: 'multipleOf',
        message: `must be multiple of ${divisor}`,
        params: { multipleOf: divisor },
      };
      return failing((value: number) => (isMultiple(value, divisor) ? null : error));
    },
  },
];

type Failure = {
  readonly keyword: string;
  readonly message: string;
  readonly params: Readonly<Record<string, unknown>>;
};

/** Ajv reads a failure from the function itself. */
function failing<Value extends Json>(find: (value: Value) => Failure | null) {
  const validate = (value: Value): boolean => {
    const failure = find(value);
    validate.errors = failure === null ? [] : [failure];
    return failure === null;
  };
  validate.errors = [] as Failure[];
  return validate;
}

function findDuplicate(items: readonly Json[]): Failure | null {
  const places = new Map<unknown, number>();
  for (const [index, item] of items.entries()) {
    const identity = identify(item);
    const first = places.get(identity);
    if (first !== undefined) {
      const message = `must not have duplicate items (items ## ${first} and ${index} are identical)`;
      return { keyword: 'uniqueItems', message, params: { i: index, j: first } };
    }
    places.set(identity, index);
  }
  return null;
}

/**
 * Equal for equal JSON values and for no others, as a key of a map: scalars are themselves. Canonical texts of objects
 * and arrays begin with a bracket and a mark that keeps them apart from texts.
 */
function identify(value: Json): unknown {
  if (typeof value !== 'object' || value === null) return typeof value === 'string' ? `"${value}` : value;
  return canonicalJson(value);
}

/** By the shortest decimals that give the two numbers, which is what their authors wrote: 19.99 is 1999 times 0.01. */
function isMultiple(value: number, divisor: number): boolean {
  if (Number.isSafeInteger(value) && Number.isSafeInteger(divisor)) return value % divisor === 0;
  const [dividend, unit] = [toDecimal(value), toDecimal(divisor)];
  const exponent = Math.min(dividend.exponent, unit.exponent);
  const scale = (decimal: Decimal) => decimal.digits * 10n ** BigInt(decimal.exponent - exponent);
  return scale(dividend) % scale(unit) === 0n;
}

type Decimal = { readonly digits: bigint; readonly exponent: number };

function toDecimal(value: number): Decimal {
  const [mantissa = '0', exponent = '0'] = value.toExponential().split('e');
  const [whole = '0', fraction = ''] = mantissa.split('.');
  return { digits: BigInt(whole + fraction), exponent: Number(exponent) - fraction.length };
}
