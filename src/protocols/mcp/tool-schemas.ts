import type { Agent } from '../../contract/domain/agent.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import { isJsonObject } from '../../json/json-object.ts';

/** Where the input of an agent is no object: arguments always are one. */
const wrapped = 'input';
/** Keywords that speak of objects alone. */
const objectKeywords = [
  'properties',
  'required',
  'additionalProperties',
  'patternProperties',
  'allOf',
  'anyOf',
  '$ref',
];

/** The arguments of an agent's tool: their schema, whose root is an object, and the input that they are. */
export type ToolArguments = {
  readonly schema: JsonObject;
  readonly toInput: (args: JsonObject) => Json;
};

export function argumentsOf({ schemas: { input } }: Pick<Agent, 'schemas'>): ToolArguments {
  if (takesObject(input)) return { schema: { ...input, type: 'object' }, toInput: (args) => args };
  return {
    schema: { type: 'object', properties: { [wrapped]: input }, required: [wrapped] },
    toInput: (args) => args[wrapped] ?? null,
  };
}

/** The schema of an agent's output; undefined where there is none that the client can hold results to. */
export function outputSchemaOf(
  { schemas: { output, interrupts } }: Pick<Agent, 'schemas'>,
  isStateless: boolean,
): JsonObject | undefined {
  // A call that ends with a question has no output, and clients refuse results without one where there is a schema.
  if (Object.keys(output).length === 0 || interrupts.length > 0) return undefined;
  return isStateless || output.type === 'object' ? output : undefined;
}

/** A schema without a type whose keywords are those of objects means one. */
function takesObject(schema: JsonObject): boolean {
  const { type } = schema;
  if (type === undefined) return Object.keys(schema).length === 0 || objectKeywords.some((name) => name in schema);
  return type === 'object' || (Array.isArray(type) && type.includes('object'));
}

/** Results of older revisions hold objects alone. */
export function structuredContent(output: Json, isStateless: boolean): JsonObject {
  if (isStateless) return { structuredContent: output };
  return isJsonObject(output) ? { structuredContent: output } : {};
}
