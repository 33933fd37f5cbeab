import { z } from 'zod';
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiResponseObject } from 'zod-openapi';
import type { AnswerShape, Operation, Protocol } from '../../contract/api/protocol.ts';
import type { JsonObject } from '../../contract/domain/json.ts';

type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';

const headers = {
  'Idempotency-Key': {
    schema: { type: 'string', maxLength: 255 },
    description: "The client's name for this creation: a second request with it makes no second run.",
  },
  'Last-Event-ID': {
    schema: { type: 'string', pattern: '^[0-9]{1,15}$' },
    description: 'The id of the last event that was read; the stream goes on after it.',
  },
} as const satisfies Readonly<Record<string, object>>;

const anyError = 'Any other error: too large a body (413), no JSON (415), a fault (500), or not now (503)';

/** The OpenAPI 3.1 document of a protocol that is mounted at `prefix`, made from the schemas that its requests meet. */
export function describeProtocol({ operations, about }: Protocol, prefix: string): JsonObject {
  const paths: Record<string, Partial<Record<Method, ZodOpenApiOperationObject>>> = {};
  for (const each of operations) {
    const path = each.path.replaceAll(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [each.method.toLowerCase()]: describeOperation(each, about.error) };
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
      components: { schemas: about.schemas },
    },
    { override: leaveOpen },
  );
  return document as unknown as JsonObject;
}

function describeOperation(operation: Operation, error: z.ZodType): ZodOpenApiOperationObject {
  const { id, summary, params, query, body, answers, takes = [] } = operation;
  const responses = Object.entries(answers).map(([status, shape]) => [status, describeAnswer(shape)] as const);
  return {
    operationId: id,
    summary,
    tags: [tagOf(operation)],
    requestParams: { ...memberOf('path', params), ...memberOf('query', query) },
    parameters: takes.map((name) => ({ name, in: 'header', ...headers[name] })),
    ...(body instanceof z.ZodUndefined ? {} : { requestBody: describeBody(body) }),
    responses: {
      ...Object.fromEntries(responses),
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
}: AnswerShape): ZodOpenApiResponseObject {
  return schema === undefined ? { description } : { description, content: { [contentType]: { schema } } };
}

function tagOf({ path }: Operation): string {
  return path.split('/')[1] ?? '';
}

function memberOf(place: 'path' | 'query', schema: z.ZodType) {
  return schema instanceof z.ZodObject && Object.keys(schema.shape).length > 0 ? { [place]: schema } : {};
}

/** An answer may get more members in a later version; only requests are closed, and those say so themselves. */
function leaveOpen({
  jsonSchema,
  zodSchema,
  io,
}: {
  jsonSchema: { additionalProperties?: unknown };
  zodSchema: z.core.$ZodType;
  io: 'input' | 'output';
}): void {
  if (io === 'output' && zodSchema instanceof z.ZodObject && zodSchema.def.catchall === undefined) {
    delete jsonSchema.additionalProperties;
  }
}
