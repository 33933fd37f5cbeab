/** Closes a switch over a discriminated union: a new member that nobody handles fails to compile. */
export function assertNever(value: never): never {
  throw new TypeError(`unhandled case: ${JSON.stringify(value)}`);
}
