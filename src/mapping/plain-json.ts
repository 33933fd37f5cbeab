import type { ExactNumber, Json } from '../contract/domain/json.ts';
import { isExactNumber } from '../json/exact-number.ts';

/** A value is not JSON; the message says what it is. */
export class NotJson extends Error {
  constructor(what: string) {
    super(`it gives ${what}, which is no JSON`);
    this.name = 'NotJson';
  }
}

/**
 * Copies an expression's result as plain JSON: without the marks that JSONata leaves on its arrays, and without members
 * that have no value. Undefined stays undefined. `unveil` gives the exact number that a value stands for.
 *
 * @throws NotJson for a function or a number without a JSON form, at any depth; RangeError when nested too deeply
 */
export function toPlainJson(value: unknown, unveil?: Unveil): Json | undefined {
  switch (typeof value) {
    case 'undefined':
      return undefined;
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      if (Number.isFinite(value)) return value;
      throw new NotJson(`the number ${value}`);
    case 'object':
      if (value === null || isExactNumber(value)) return value;
      return (
        unveil?.(value) ??
        (Array.isArray(value)
          ? Array.from(value, (item) => toPlainJson(item, unveil) ?? null)
          : copyMembers(value, unveil))
      );
    default:
      throw new NotJson(`a ${typeof value}`);
  }
}

type Unveil = (value: object) => ExactNumber | undefined;

function copyMembers(value: object, unveil: Unveil | undefined): Json {
  const members: [string, Json][] = [];
  for (const [name, member] of Object.entries(value)) {
    const plain = toPlainJson(member, unveil);
    if (plain !== undefined) members.push([name, plain]);
  }
  // Unlike an assignment, fromEntries makes a vendor's "__proto__" an ordinary member.
  return Object.fromEntries(members);
}
