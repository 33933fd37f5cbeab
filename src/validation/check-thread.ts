import { readJson } from '../json/exact-number.ts';
import { holdsExactNumber } from '../json/measure-json.ts';
import { type CheckDefinition, createSchemaCheck } from './schema-check.ts';
import { numbersOf, standInForExactNumbers, Unjudged } from './stand-in-numbers.ts';

/** Called in a thread: compiles a schema to a function from JSON to the JSON of its first violation, or of null. */
export function prepare(definition: unknown): (input: string) => string {
  const { root } = definition as CheckDefinition;
  const { check, normalized } = createSchemaCheck(definition as CheckDefinition);
  const numbers = numbersOf(normalized);
  return (input) => {
    const value = readJson(input);
    if (!holdsExactNumber(value)) return JSON.stringify(check(value));
    try {
      return JSON.stringify(check(standInForExactNumbers(value, numbers)));
    } catch (error) {
      if (!(error instanceof Unjudged)) throw error;
      return JSON.stringify({ path: `${root}${error.pointer}`, message: 'has more digits than its schema can judge' });
    }
  };
}
