import { toInput } from '../../agents/chat.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import type { Said } from '../../contract/domain/chat.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import { isJsonObject } from '../../json/json-object.ts';

/** Where the input of an agent is no object: arguments always are one. */
const wrapped = 'input';
const textSchema = { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] };
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
  /** Rejects like `chat.input` of the agent. */
  readonly toInput: (args: JsonObject) => Json | Promise<Json>;
};

/** An agent that has no schema but makes its input of a text takes that text. */
export function argumentsOf(agent: Agent): ToolArguments {
  const { input } = agent.schemas;
  if (agent.chat?.input !== undefined && Object.keys(input).length === 0)
    return { schema: textSchema, toInput: ({ text, ...data }) => toInput(agent, said(text, data)) };
  if (takesObject(input)) return { schema: { ...input, type: 'object' }, toInput: (args) => args };
  return {
    schema: { type: 'object', properties: { [wrapped]: input }, required: [wrapped] },
    toInput: (args) => args[wrapped] ?? null,
  };
}

function said(text: Json | undefined, data: JsonObject): Said {
  const spoken = typeof text === 'string' ? text : '';
  const messages = [{ role: 'user', content: spoken }];
  return { text: spoken, messages, data: Object.keys(data).length === 0 ? undefined : data };
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
