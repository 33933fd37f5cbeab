import { z } from 'zod';
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiResponseObject } from 'zod-openapi';
import type { AnswerShape, Operation, Protocol } from '../../contract/api/protocol.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import { chooseExampleAgent, type ExampleAgent, exampleBody, exampleParam } from './openapi-examples.ts';
import { describeInWords } from './operation-descriptions.ts';

export type DocumentOptions = {
  /** Agents that examples may name. A document asks for no credentials, so it names none where requests need them. */
  readonly agents: readonly Agent[];
  readonly defaultAgent: Agent | null;
  /** Requests need credentials. */
  readonly isProtected: boolean;
};

type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';
type WrittenOperation = {
  parameters?: { in: string; name: string; example?: string }[];
  requestBody?: { content: { 'application/json': { schema: unknown; example?: Json } } };
};
type WrittenDocument = { paths: Record<string, Partial<Record<Method, WrittenOperation>>> };

const headers = {
  'Idempotency-Key': {
    schema: { type: 'string', maxLength: 255 },
    description: "The client's name for this creation: a second request with it creates no second run.",
  },
  'Last-Event-ID': {
    schema: { type: 'string', pattern: '^(-1|[0-9]{1,15})$' },
    description: 'The id of the last event that was read; the stream continues after it. -1 is the beginning.',
  },
} as const satisfies Readonly<Record<string, object>>;

const anyError = 'Any other error: too large a body (413), no JSON (415), a fault (500), or not now (503)';

/** What every operation may answer where requests need credentials. */
const refusals = {
  401: 'No key or token, or one that the gateway does not know',
  403: 'The key or the token may not use this agent',
  429: 'The key makes too many requests, or has too many live runs or open streams',
} as const;

const securitySchemes = {
  bearer: { type: 'http', scheme: 'bearer', description: 'A key of the config, or a token where it names an issuer.' },
  apiKey: { type: 'apiKey', in: 'header', name: 'X-Api-Key', description: 'A key of the config.' },
} as const;

/** The OpenAPI 3.1 document of a protocol that is mounted at `prefix`, made from the schemas that its requests meet. */
export function describeProtocol(
  { operations, about }: Protocol,
  prefix: string,
  options: DocumentOptions,
): JsonObject {
  const { isProtected, agents, defaultAgent } = options;
  const paths: Record<string, Partial<Record<Method, ZodOpenApiOperationObject>>> = {};
  for (const each of operations) {
    const path = pathOf(each);
    paths[path] = { ...paths[path], [methodOf(each)]: describeOperation(each, about.error, isProtected) };
  }
  const document = createDocument(
    {
      openapi: '3.1.0',
      info: {
        title: about.title,
        version: about.version,
        description: about.description,
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: prefix === '' ? '/' : prefix }],
      tags: [...new Set(operations.map(tagOf))].map((name) => ({ name })),
      paths,
      ...(isProtected ? { security: Object.keys(securitySchemes).map((name) => ({ [name]: [] })) } : {}),
      components: { schemas: about.schemas, ...(isProtected ? { securitySchemes } : {}) },
    },
    { override: adjustSchema },
  ) as unknown as WrittenDocument;
  const example = isProtected ? chooseExampleAgent([], null) : chooseExampleAgent(agents, defaultAgent);
  for (const each of operations) addExamples(each, document, example);
  return document as unknown as JsonObject;
}

function describeOperation(operation: Operation, error: z.ZodType, isProtected: boolean): ZodOpenApiOperationObject {
  const { id, summary, params, query, body, answers, takes = [] } = operation;
  const responses = Object.entries(answers).map(([status, shape]) => [status, describeAnswer(shape)] as const);
  const refused = Object.entries(isProtected ? refusals : {}).map(
    ([status, description]) => [status, describeAnswer({ description, schema: error })] as const,
  );
  return {
    operationId: id,
    summary,
    description: describeInWords(operation),
    tags: [tagOf(operation)],
    requestParams: { ...memberOf('path', params), ...memberOf('query', query) },
    parameters: takes.map((name) => ({ name, in: 'header', ...headers[name] })),
    ...(body instanceof z.ZodUndefined ? {} : { requestBody: describeBody(body) }),
    responses: {
      ...Object.fromEntries([...refused, ...responses]),
      default: describeAnswer({ description: anyError, schema: error }),
    },
  };
}

function describeBody(body: z.ZodType) {
  return {
    required: !body.safeParse(undefined).success,
    content: { 'application/json': { schema: body } },
  };
}

function describeAnswer({
  description,
  schema,
  contentType = 'application/json',
  events,
}: AnswerShape): ZodOpenApiResponseObject {
  if (schema === undefined) return { description };
  const stream = events === undefined ? {} : { 'text/event-stream': { schema: events } };
  return { description, content: { [contentType]: { schema }, ...stream } };
}

/** Examples are made from the finished document: the sampler follows its references. */
function addExamples(operation: Operation, document: WrittenDocument, agent: ExampleAgent): void {
  const written = document.paths[pathOf(operation)]?.[methodOf(operation)];
  const content = written?.requestBody?.content['application/json'];
  if (content !== undefined) {
    const example = exampleBody(operation, content.schema, document, agent);
    if (example !== undefined) content.example = example;
  }
  for (const parameter of written?.parameters ?? []) {
    const example = parameter.in === 'path' ? exampleParam(parameter.name, agent) : undefined;
    if (example !== undefined) parameter.example = example;
  }
}

function pathOf({ path }: Operation): string {
  return path.replaceAll(/(?<=\/):(\w+)/g, '{$1}');
}

function methodOf({ method }: Operation): Method {
  return method.toLowerCase() as Method;
}

function tagOf({ path }: Operation): string {
  return (
    path
      .split('/')
      .find((part) => part !== '' && !part.startsWith(':'))
      ?.split(':')[0] ?? ''
  );
}

function memberOf(place: 'path' | 'query', schema: z.ZodType) {
  return schema instanceof z.ZodObject && Object.keys(schema.shape).length > 0 ? { [place]: schema } : {};
}

type Override = {
  jsonSchema: { additionalProperties?: unknown; format?: unknown; pattern?: unknown };
  zodSchema: z.core.$ZodType;
  io: 'input' | 'output';
};

function adjustSchema({ jsonSchema, zodSchema, io }: Override): void {
  // An answer may get more members in a later version; only requests are closed, and those say so themselves.
  if (io === 'output' && zodSchema instanceof z.ZodObject && zodSchema.def.catchall === undefined) {
    delete jsonSchema.additionalProperties;
  }
  // The format says everything. Generators turn a pattern into a check of the value that they have already parsed.
  if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
}
