import type { AST } from '@eslint-community/regexpp';

/** What a text must be for a pattern to match in it, each leaf a regular expression that looks nowhere ahead. */
export type Conditions =
  | { readonly kind: 'match'; readonly source: string }
  | { readonly kind: 'not'; readonly part: Conditions }
  | { readonly kind: 'all' | 'any'; readonly parts: readonly Conditions[] };

/** Alternatives multiply where they are written out. */
const maxLeaves = 64;

/**
 * Splits a pattern that looks ahead from places whose distance from the beginning is fixed, as `^(?!.*\.\.)[a-z.]+$` does:
 * it matches where `^[a-z.]+$` does and `^.*\.\.` does not. Null where a lookahead stands anywhere else, and for patterns
 * without one. Captures and what is matched are lost, so it serves tests only.
 */
export function splitLookahead({ alternatives }: AST.Pattern): Conditions | null {
  if (!alternatives.some(({ elements }) => elements.some(looksAhead))) return null;
  const splitter = new Splitter();
  return splitter.any(alternatives, '');
}

class Splitter {
  #leaves = 0;

  any(alternatives: readonly AST.Alternative[], prefix: string, rest: Elements = []): Conditions | null {
    return this.#join(
      'any',
      alternatives.map(({ elements }) => this.#split([...elements, ...rest], prefix)),
    );
  }

  /** The conditions of elements behind a prefix that begins at the beginning of the text and has one length. */
  #split(elements: Elements, prefix: string): Conditions | null {
    const at = elements.findIndex(looksAhead);
    const element = elements[at];
    if (element === undefined) return this.#leaf(prefix + rawOf(elements));
    const before = elements.slice(0, at);
    const rest = elements.slice(at + 1);
    const isAnchored =
      prefix !== '' || isStart(before[0]) || (at === 0 && isStart(rest.find((each) => !isAhead(each))));
    if (!isAnchored || !before.every(hasOneLength)) return null;
    const known = prefix + rawOf(before);
    if (isAhead(element)) {
      const ahead = this.any(element.alternatives, known === '' ? '^' : known);
      if (ahead === null) return null;
      return this.#join('all', [element.negate ? { kind: 'not', part: ahead } : ahead, this.#split(rest, known)]);
    }
    if (element.type === 'Group' && element.modifiers !== null) return null;
    if (element.type === 'Group' || element.type === 'CapturingGroup') {
      return this.any(element.alternatives, known, rest);
    }
    if (element.type !== 'Quantifier' || element.min !== 0 || element.max !== 1) return null;
    return this.#join('any', [this.#split([element.element, ...rest], known), this.#split(rest, known)]);
  }

  #leaf(source: string): Conditions | null {
    this.#leaves += 1;
    return this.#leaves > maxLeaves ? null : { kind: 'match', source };
  }

  #join(kind: 'all' | 'any', parts: readonly (Conditions | null)[]): Conditions | null {
    const known = parts.filter((part) => part !== null);
    return known.length < parts.length ? null : { kind, parts: known };
  }
}

type Element = AST.Element | AST.QuantifiableElement;
type Elements = readonly Element[];

function rawOf(elements: Elements): string {
  return elements.map(({ raw }) => raw).join('');
}

function isStart(element: Element | undefined): boolean {
  return element?.type === 'Assertion' && element.kind === 'start';
}

function isAhead(element: Element): element is AST.LookaheadAssertion {
  return element.type === 'Assertion' && element.kind === 'lookahead';
}

function looksAhead(element: Element): boolean {
  if (isAhead(element)) return true;
  if (element.type === 'Quantifier') return looksAhead(element.element);
  if (element.type !== 'Group' && element.type !== 'CapturingGroup') return false;
  return element.alternatives.some(({ elements }) => elements.some(looksAhead));
}

function hasOneLength(element: Element): boolean {
  return lengthOf(element) !== null;
}

/** The number of characters that an element matches, whichever they are; null where it differs. */
function lengthOf(element: Element): number | null {
  switch (element.type) {
    case 'Assertion':
      return 0;
    case 'Character':
    case 'CharacterSet':
    case 'CharacterClass':
      return 1;
    case 'Quantifier': {
      const length = element.min === element.max ? lengthOf(element.element) : null;
      return length === null ? null : length * element.min;
    }
    case 'Group':
    case 'CapturingGroup': {
      const [first = null, ...others] = element.alternatives.map(({ elements }) => sum(elements.map(lengthOf)));
      return others.every((length) => length === first) ? first : null;
    }
    default:
      return null;
  }
}

function sum(lengths: readonly (number | null)[]): number | null {
  return lengths.reduce((total, length) => (total === null || length === null ? null : total + length), 0);
}
