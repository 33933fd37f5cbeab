import jsonata from 'jsonata';
import { isLongPicture } from './work-estimate.ts';

/** Characters of a text that an evaluation in a thread may make, whatever `limits.maxOutputBytes` is. */
const maxTextLength = 32 * 1024 * 1024;

type Implementation = (...args: readonly unknown[]) => unknown;
type NativeFunction = { readonly _jsonata_function: true; readonly implementation: Implementation };

/** What may be made of arguments, looked at before JSONata's own code is called: that cannot be ended in the middle. */
const checks: Readonly<Record<string, (args: readonly unknown[]) => void>> = {
  pad: ([, width]) => refuseLonger(Math.abs(Number(width))),
  replace: () => {},
  join: ([list, separator]) => refuseJoined(list, separator),
  formatNumber: ([, picture]) => refusePicture(picture),
  formatInteger: ([, picture]) => refusePicture(picture),
  fromMillis: ([, picture]) => refusePicture(picture),
  toMillis: ([, picture]) => refusePicture(picture),
};

const originals = await Promise.all(
  Object.keys(checks).map(
    async (name) => [name, (await jsonata(`$${name}`).evaluate(null)) as NativeFunction] as const,
  ),
);

/**
 * Has the functions of an expression that make texts out of little refuse one that is too long with a RangeError: it would
 * take memory, and time in which a thread cannot be ended.
 */
export function boundTexts(program: jsonata.Expression): void {
  for (const [name, original] of originals) {
    const implementation = function (this: unknown, ...args: readonly unknown[]): unknown {
      checks[name]?.(args);
      const made = original.implementation.apply(this, [...args]);
      return made instanceof Promise ? made.then(refuseLongText) : refuseLongText(made);
    };
    program.assign(name, { ...original, implementation });
  }
}

/** Bounds `&`, which is `concat` in JSONata, for all texts of the calling thread: evaluations are its only work. */
export function boundConcatenation(): void {
  const concat = String.prototype.concat;
  String.prototype.concat = function (...parts: string[]): string {
    return refuseLongText(concat.apply(this, parts));
  };
}

function refuseLongText<T>(made: T): T {
  if (typeof made === 'string') refuseLonger(made.length);
  return made;
}

function refuseLonger(length: number): void {
  if (length > maxTextLength) throw new RangeError(`a text of more than ${maxTextLength} characters`);
}

function refusePicture(picture: unknown): void {
  if (isLongPicture(picture)) throw new RangeError('a picture that is too long');
}

function refuseJoined(list: unknown, separator: unknown): void {
  if (!Array.isArray(list)) return;
  let length = Math.max(0, list.length - 1) * (typeof separator === 'string' ? separator.length : 0);
  for (const item of list) if (typeof item === 'string') length += item.length;
  refuseLonger(length);
}
