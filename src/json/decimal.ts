/** `digits` times ten to the power of `exponent`, with as few digits as possible: equal numbers have equal decimals. */
export type Decimal = { readonly isNegative: boolean; readonly digits: string; readonly exponent: bigint };

const parts = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/** Reads a JSON number, or what String gives for a finite one. Zero has the digits `0`, no sign and no exponent. */
export function parseDecimal(text: string): Decimal {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = parts.exec(text) ?? [];
  const all = whole + fraction;
  let [first, end] = [0, all.length];
  while (first < end && all[first] === '0') first += 1;
  while (end > first && all[end - 1] === '0') end -= 1;
  if (first === end) return { isNegative: false, digits: '0', exponent: 0n };
  const dropped = all.length - end - fraction.length;
  return {
    isNegative: sign === '-',
    digits: all.slice(first, end),
    exponent: readExponent(exponent) + BigInt(dropped),
  };
}

/** One text for each number, whatever way it was written. */
export function normalizeDecimal(text: string): string {
  const { isNegative, digits, exponent } = parseDecimal(text);
  return `${isNegative ? '-' : ''}${digits}e${exponent}`;
}

/** Negative, zero or positive, as for Array.sort. */
export function compareDecimals(a: Decimal, b: Decimal): number {
  const [signA, signB] = [signOf(a), signOf(b)];
  if (signA !== signB || signA === 0) return signA - signB;
  return signA * compareMagnitudes(a, b);
}

export function isWholeDecimal({ exponent }: Decimal): boolean {
  return exponent >= 0n;
}

function compareMagnitudes(a: Decimal, b: Decimal): number {
  const [pointA, pointB] = [a.exponent + BigInt(a.digits.length), b.exponent + BigInt(b.digits.length)];
  if (pointA !== pointB) return pointA < pointB ? -1 : 1;
  // Both begin at the same place, so that their digits sort like texts.
  if (a.digits === b.digits) return 0;
  return a.digits < b.digits ? -1 : 1;
}

function signOf({ isNegative, digits }: Decimal): number {
  if (digits === '0') return 0;
  return isNegative ? -1 : 1;
}

/** An exponent of a million digits would take long to be read, and means nothing more than one of thirty. */
function readExponent(text: string): bigint {
  const [, sign = '', digits = '0'] = /^([+-]?)0*(\d+)$/.exec(text) ?? [];
  const size = digits.length > 30 ? BigInt(`1${digits.slice(0, 30)}`) : BigInt(digits);
  return sign === '-' ? -size : size;
}

export function isMultipleOf(dividend: Decimal, divisor: Decimal): boolean {
  if (dividend.digits === '0') return true;
  const shift = dividend.exponent - divisor.exponent;
  const unit = BigInt(divisor.digits);
  // The last digit is never zero: what ends at a lower place than the divisor is no multiple of it.
  if (shift < 0n) return false;
  return (BigInt(dividend.digits) * powerOfTen(shift, unit)) % unit === 0n;
}

/** Ten to the power of `exponent`, modulo `unit`: an exponent may have thirty digits. */
function powerOfTen(exponent: bigint, unit: bigint): bigint {
  let [power, base] = [1n % unit, 10n % unit];
  for (let left = exponent; left > 0n; left >>= 1n) {
    if (left & 1n) power = (power * base) % unit;
    base = (base * base) % unit;
  }
  return power;
}
