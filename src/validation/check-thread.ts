import { type CheckDefinition, createSchemaCheck } from './schema-check.ts';

/** Called in a thread: compiles a schema to a function from JSON to the JSON of its first violation, or of null. */
export function prepare(definition: unknown): (input: string) => string {
  const { check } = createSchemaCheck(definition as CheckDefinition);
  return (input) => JSON.stringify(check(JSON.parse(input)));
}
