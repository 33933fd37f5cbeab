import type { ExactNumber, Json, JsonObject } from '../contract/domain/json.ts';
import { compareDecimals, type Decimal, isMultipleOf, isWholeDecimal, parseDecimal } from '../json/decimal.ts';
import { isExactNumber } from '../json/exact-number.ts';
import { escapePointer } from './dialect.ts';

/** The numbers that a schema compares values with. */
export type SchemaNumbers = {
  readonly limits: readonly number[];
  readonly divisors: readonly number[];
  /** Whether it tells whole numbers from others. Where doubles are all whole, no other number has a stand-in then. */
  readonly judgesWhole: boolean;
};

/** No double lies to the numbers of a schema as the exact number does. */
export class Unjudged extends Error {
  readonly pointer: string;

  constructor(pointer: string) {
    super('no double can stand in');
    this.name = 'Unjudged';
    this.pointer = pointer;
  }
}

/** The bounds of the formats. */
const formatLimits: Readonly<Record<string, readonly number[]>> = {
  int32: [-(2 ** 31), 2 ** 31 - 1],
  int64: [-(2 ** 63), 2 ** 63],
};

/** All numbers in a schema, whatever they mean there: one too many does no harm. */
export function numbersOf(schema: JsonObject): SchemaNumbers {
  const limits = new Set<number>([0]);
  const divisors = new Set<number>();
  let judgesWhole = false;
  const visit = (value: Json, key: string): void => {
    if (typeof value === 'number') (key === 'multipleOf' ? divisors : limits).add(value);
    else if (typeof value === 'string') {
      const bounds = formatLimits[value] ?? [];
      for (const bound of bounds) limits.add(bound);
      judgesWhole ||= value === 'integer' || bounds.length > 0;
    } else if (typeof value === 'object' && value !== null) {
      for (const [name, member] of Object.entries(value)) visit(member, name);
    }
  };
  visit(schema, '');
  return { limits: [...limits], divisors: [...divisors], judgesWhole: judgesWhole || divisors.size > 0 };
}

/**
 * Puts doubles in the place of exact numbers that every keyword of the schema judges the same way: they are whole where
 * the exact number is, lie between the same limits and are multiples of the same divisors. Throws {@link Unjudged}.
 */
export function standInForExactNumbers(value: Json, numbers: SchemaNumbers): Json {
  const taken = new Set<number>(numbers.limits);
  noteDoubles(value, taken);
  const chosen = new Map<string, number>();
  const replace = (part: Json, pointer: string): Json => {
    if (isExactNumber(part)) return standInFor(part, pointer);
    if (Array.isArray(part)) return part.map((item, index) => replace(item, `${pointer}/${index}`));
    if (typeof part !== 'object' || part === null) return part;
    return Object.fromEntries(
      Object.entries(part).map(([name, member]) => [
        name,
        replace(member as Json, `${pointer}/${escapePointer(name)}`),
      ]),
    );
  };
  const standInFor = ({ source }: ExactNumber, pointer: string): number => {
    const decimal = parseDecimal(source);
    if (decimal.digits === '0') return 0;
    const key = `${decimal.isNegative}${decimal.digits}e${decimal.exponent}`;
    const found = chosen.get(key) ?? findStandIn(decimal, Number(source), numbers, taken);
    if (found === undefined) throw new Unjudged(pointer);
    chosen.set(key, found);
    taken.add(found);
    return found;
  };
  return replace(value, '');
}

function findStandIn(
  exact: Decimal,
  nearest: number,
  { limits, divisors, judgesWhole }: SchemaNumbers,
  taken: ReadonlySet<number>,
): number | undefined {
  let [below, above] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (const limit of limits) {
    if (compareDecimals(decimalOf(limit), exact) < 0) below = Math.max(below, limit);
    else above = Math.min(above, limit);
  }
  const isLike = (double: number): boolean =>
    Number.isFinite(double) &&
    !taken.has(double) &&
    double > below &&
    double < above &&
    (!judgesWhole || Number.isInteger(double) === isWholeDecimal(exact)) &&
    divisors.every((divisor) => {
      const unit = decimalOf(divisor);
      return isMultipleOf(decimalOf(double), unit) === isMultipleOf(exact, unit);
    });
  return [...candidatesNear(nearest, below, above, divisors)].find(isLike);
}

/** Neighbours of the nearest double, and places that are whole or not, odd or even, between the limits. */
function* candidatesNear(
  nearest: number,
  below: number,
  above: number,
  divisors: readonly number[],
): Generator<number> {
  const largest = Number.MAX_VALUE;
  const anchors = [Math.min(largest, Math.max(-largest, nearest)), below, above, (below + above) / 2];
  anchors.push(2 ** 53, -(2 ** 53), 2 ** 52, -(2 ** 52), 0);
  for (const anchor of anchors.filter(Number.isFinite)) {
    yield anchor;
    let [up, down] = [anchor, anchor];
    for (let step = 0; step < 8; step += 1) {
      [up, down] = [neighbour(up, 1), neighbour(down, -1)];
      yield* [up, down, anchor + step + 0.5, anchor - step - 0.5, anchor + step + 1, anchor - step - 1];
    }
    for (const divisor of divisors) {
      const times = Math.round(anchor / divisor);
      for (let step = -2; step <= 2; step += 1) yield (times + step) * divisor;
    }
  }
}

const bits = new DataView(new ArrayBuffer(8));

function neighbour(double: number, direction: 1 | -1): number {
  if (double === 0) return direction * Number.MIN_VALUE;
  bits.setFloat64(0, double);
  bits.setBigInt64(0, bits.getBigInt64(0) + BigInt(double > 0 ? direction : -direction));
  return bits.getFloat64(0);
}

function noteDoubles(value: Json, taken: Set<number>): void {
  if (typeof value === 'number') taken.add(value);
  else if (typeof value === 'object' && value !== null && !isExactNumber(value)) {
    for (const member of Object.values(value)) noteDoubles(member, taken);
  }
}

/** As its author wrote it: the shortest decimal that gives the double. */
function decimalOf(double: number): Decimal {
  return parseDecimal(String(double));
}
