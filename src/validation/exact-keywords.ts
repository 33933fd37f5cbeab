import { _, type FuncKeywordDefinition, str } from 'ajv';
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
    // Errors that a function brings itself are put together anew for each, which takes quadratic time in a long list.
    errors: false,
    error: { message: 'must not have duplicate items' },
    compile: (isOn: boolean) => (items: readonly Json[]) => !isOn || findDuplicate(items) === null,
  },
  {
    keyword: 'enum',
    schemaType: 'array',
    errors: false,
    error: {
      message: 'must be equal to one of the allowed values',
      params: ({ schemaCode }) => _`{allowedValues: ${schemaCode}}`,
    },
    compile: (allowed: readonly Json[]) => {
      if (allowed.every(isScalar)) {
        const scalars = new Set(allowed);
        return (value: Json) => scalars.has(value);
      }
      const known = new Set(allowed.map(identify));
      return (value: Json) => known.has(identify(value));
    },
  },
  {
    keyword: 'const',
    errors: false,
    error: { message: 'must be equal to constant' },
    compile: (allowed: Json) => {
      if (isScalar(allowed)) return (value: Json) => value === allowed;
      const wanted = identify(allowed);
      return (value: Json) => identify(value) === wanted;
    },
  },
  {
    keyword: 'multipleOf',
    type: 'number',
    schemaType: 'number',
    errors: false,
    error: { message: ({ schemaCode }) => str`must be multiple of ${schemaCode}` },
    compile: (divisor: number) => (value: number) => isMultiple(value, divisor),
  },
];

function isScalar(value: Json): boolean {
  return typeof value !== 'object' || value === null;
}

/** The places of the first two items of an array that are equal. */
export function findDuplicate(items: readonly Json[]): readonly [number, number] | null {
  if (items.every(isScalar) && new Set(items).size === items.length) return null;
  const places = new Map<unknown, number>();
  for (const [index, item] of items.entries()) {
    const identity = identify(item);
    const first = places.get(identity);
    if (first !== undefined) return [first, index];
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
