import { sample } from 'openapi-sampler';
import { z } from 'zod';
import type { Operation } from '../../contract/api/protocol.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import { isJsonObject } from '../../json/json-object.ts';

/** What the examples of a document are filled with, so that a first request with them works. */
export type ExampleAgent = { readonly name: string; readonly input: Json };

/** Stands for an agent where the document must not name one. */
const anyAgent: ExampleAgent = { name: 'AGENT', input: {} };
/** So that a run in the example's thread is accepted whether or not it is the first one, and the first one still runs. */
const onThread: JsonObject = { if_not_exists: 'create', multitask_strategy: 'enqueue' };
const exampleThreadId = '00000000-0000-4000-8000-000000000001';

/** The default agent of the config, or the first one for which an input can be made from its schema. */
export function chooseExampleAgent(agents: readonly Agent[], defaultAgent: Agent | null): ExampleAgent {
  const candidates = defaultAgent === null ? agents : [defaultAgent, ...agents];
  for (const agent of candidates) {
    // A caller without credentials has the default tenant.
    if (agent.tenants !== undefined && !agent.tenants.includes('default')) continue;
    const input = sampleOf(agent.schemas.input);
    if (agent.checkInput(input) === null) return { name: agent.name, input };
  }
  return anyAgent;
}

/** The smallest body that an operation takes, undefined where none can be made. `schema` is the body's own JSON Schema. */
export function exampleBody({ body }: Operation, schema: unknown, document: object, agent: ExampleAgent) {
  const properties = propertiesOf(schema, document);
  const required = sampleOf(schema, document);
  const filled: JsonObject = {
    ...(isJsonObject(required) ? required : {}),
    ...('input' in properties ? { input: agent.input } : {}),
    ...(agentBelongs(properties, required) ? { agent_id: agent.name } : {}),
    ...('if_not_exists' in properties ? keepKnown(onThread, properties) : {}),
  };
  return [filled, required].find((each) => body.safeParse(each).success);
}

/** An example for a parameter of a path, undefined where only an earlier answer can give one. */
export function exampleParam(name: string, agent: ExampleAgent): string | undefined {
  if (name === 'agent_id') return agent.name;
  return name === 'thread_id' ? exampleThreadId : undefined;
}

function keepKnown(members: JsonObject, properties: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(members).filter(([name]) => name in properties));
}

/** A search takes an agent as a filter: an empty one finds more. */
function agentBelongs(properties: JsonObject, required: Json): boolean {
  return 'agent_id' in properties && ('input' in properties || (isJsonObject(required) && 'agent_id' in required));
}

function propertiesOf(schema: unknown, document: object): JsonObject {
  const { $ref, properties } = z.looseObject({ $ref: z.string().optional() }).catch({}).parse(schema);
  if (typeof $ref === 'string') return propertiesOf(followRef($ref, document), document);
  return isJsonObject(properties) ? properties : {};
}

function followRef(ref: string, document: object): unknown {
  const parts = ref.split('/').slice(1);
  return parts.reduce<unknown>((place, part) => (isJsonObject(place) ? place[part] : undefined), document);
}

/** `{}` where the schema is one that the sampler cannot follow, such as one that refers to another document. */
function sampleOf(schema: unknown, document: object = {}): Json {
  try {
    const options = { skipNonRequired: true, quiet: true };
    const value: unknown = sample(closed(schema) as object, options, closed(document) as object);
    return value === undefined || value === null ? {} : (value as Json);
  } catch {
    return {};
  }
}

/** The same schema without `additionalProperties`: the sampler makes up members for them. */
function closed(schema: unknown): unknown {
  return JSON.parse(JSON.stringify(schema), (key, value: unknown) =>
    key === 'additionalProperties' ? undefined : value,
  );
}
