import fc, { type Arbitrary } from 'fast-check';
import { z } from 'zod';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import type { DocumentedOperation } from '../protocols/protocol-document.ts';
import { arbitraryOf, broken } from '../protocols/schema-arbitrary.ts';
import { packed } from './packed.ts';

/** One request for an operation. Ids are placeholders such as `known:run_id:7`; see `Pool`. */
export type OperationRequest = {
  readonly kind: 'operation';
  readonly prefix: string;
  readonly operation: DocumentedOperation;
  /** Another one than the operation's own. */
  readonly method: string | null;
  readonly params: JsonObject;
  readonly query: JsonObject;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | null;
};

/** Bytes as they are. */
export type RawRequest = { readonly kind: 'raw'; readonly bytes: Uint8Array };

export type FuzzRequest = OperationRequest | RawRequest;

const parameter = z.looseObject({ in: z.string(), name: z.string(), required: z.boolean().optional() });
const described = z.looseObject({
  parameters: z.array(parameter.extend({ schema: z.unknown() })).default([]),
  requestBody: z.object({ content: z.object({ 'application/json': z.object({ schema: z.unknown() }) }) }).optional(),
});
const whole = z.looseObject({
  paths: z.record(z.string(), z.record(z.string(), described)),
  components: z.object({ schemas: z.record(z.string(), z.unknown()) }),
});

const known = (name: string) => Array.from({ length: 12 }, (_, at) => `known:${name}:${at}`);
const agents = ['echo', 'approval', 'support', 'order', 'fail', 'echo'];

const favourites = {
  run_id: known('run_id'),
  thread_id: known('thread_id'),
  checkpoint_id: known('checkpoint_id'),
  before: known('checkpoint_id'),
  agent_id: [...agents, ...known('agent_id').slice(0, 3)],
  // A client's own names.
  threadId: ['one', 'another', ...known('thread_id').slice(0, 3)],
  runId: ['first', 'second', 'third'],
  // Of the vendors' own APIs.
  workspaceId: ['sandbox', 'intuned'],
  projectName: ['samples', 'other'],
  api: ['echo', 'fail', 'cancel'],
  jobId: ['echo', 'hang', 'new'],
  ownerId: known('run_id'),
  name: [...agents, 'ApprovalAgent', 'OrderFulfillmentWorkflow'],
  eventName: ['approval', 'resume', 'end'],
};

/** What parsers, stores and file systems have stumbled over somewhere. */
const oddText: Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    ...[
      '',
      ' ',
      '.',
      '..',
      '../../etc/passwd',
      '%',
      '%00',
      '%ff',
      '%2e%2e%2f',
      '\\',
      "' OR 1=1 --",
      '"; DROP TABLE runs',
    ],
    ...[
      'null',
      'undefined',
      'NaN',
      '-1',
      '1e999',
      '0x10',
      '__proto__',
      'constructor',
      'toString',
      '$\u007bFILE:/etc/passwd}',
    ],
    ...[
      '\u0000',
      '\u0001\u001f',
      '\ud800',
      '\u202e',
      '\ufeff',
      '😀'.repeat(50),
      'a'.repeat(5000),
      '{{7*7}}',
      '<script>',
      '*',
    ],
    ...['00000000-0000-0000-0000-000000000000', '01a201bd-61a9-73ca-a1c3-dc1e26a7c08', '9'.repeat(400)],
  ),
  fc.string({ maxLength: 30, unit: 'binary' }),
);

const oddJson: Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    ...[
      '',
      ' ',
      '{',
      '}',
      '[',
      '"',
      '{"a":',
      '{"a":1,}',
      'nul',
      'NaN',
      '+1',
      '01',
      '1e9999',
      '"\\ud800"',
      '"\\x"',
      '\ufeff{}',
    ],
    ...[
      '{"__proto__":{"x":1}}',
      '{"constructor":{"prototype":{"x":1}}}',
      '{"input":{"__proto__":null}}',
      '{}{}',
      '{} x',
      "{'a':1}",
    ],
    ...['['.repeat(5000), `${'['.repeat(300)}${']'.repeat(300)}`, `${'{"a":'.repeat(150)}1${'}'.repeat(150)}`],
    ...[
      '{"a":1,"a":2}',
      `{"input":{"n":${'9'.repeat(400)}}}`,
      `{"metadata":{"${'k'.repeat(70_000)}":1}}`,
      '\u0000',
      '"\u0001"',
    ],
  ),
  fc.json({ maxDepth: 4 }),
  fc.string({ maxLength: 60, unit: 'binary' }),
);

/** URLs that lead nowhere: what the gateway accepts it may call. */
function tame(value: Json): Json {
  if (typeof value === 'string') return value.replace(/^(https?:\/\/)[^/?#]*/i, '$1hooks.invalid');
  if (Array.isArray(value)) return value.map(tame);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, tame(member)]));
}

/** Waits that the client itself asked for are not the gateway's fault. */
function hasten(value: Json): Json {
  if (!isJsonObject(value)) return value;
  return { ...value, ...(typeof value.after_seconds === 'number' ? { after_seconds: value.after_seconds % 2 } : {}) };
}

const writeBody = (value: Json): string => JSON.stringify(hasten(tame(value)));

function bodyOf(schema: Json | undefined, definitions: JsonObject): Arbitrary<string | Uint8Array | null> {
  const good = schema === undefined ? null : arbitraryOf(schema, { definitions, favourites });
  const none = { weight: 1, arbitrary: fc.constant(null) };
  const odd = [
    { weight: 1, arbitrary: oddJson },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }) },
  ];
  if (good === null) return fc.oneof({ weight: 20, arbitrary: fc.constant(null) }, ...odd);
  return fc.oneof(
    { weight: 6, arbitrary: good.map(writeBody) },
    { weight: 6, arbitrary: broken(good).map(writeBody) },
    none,
    ...odd,
  );
}

/** Mostly empty, so that most cases try the request itself. */
const headers: Arbitrary<Readonly<Record<string, string>>> = fc
  .record(
    {
      accept: fc.constantFrom(
        'application/json',
        'application/problem+json',
        '*/*',
        'text/event-stream',
        ';;q=',
        'x'.repeat(500),
      ),
      'content-type': fc.constantFrom(
        'application/json; charset=utf-8',
        'application/json;charset=latin1',
        'text/plain',
        'application/xml',
        '',
        'application/json-patch+json',
        'multipart/form-data',
        ';',
      ),
      'content-encoding': fc.constantFrom('gzip', 'br', 'identity', 'nonsense', 'deflate'),
      'idempotency-key': fc.oneof(
        fc.constantFrom('"one"', 'two', 'x'.repeat(255), 'x'.repeat(256), '', 'a b'),
        fc.uuid(),
      ),
      'last-event-id': fc.constantFrom('0', '1', '2', '999999', '-1', 'x', '', '1e3', '9'.repeat(20)),
      'x-request-id': fc.constantFrom('ok-1', 'a b', 'x'.repeat(300), '<b>'),
      authorization: fc.constantFrom('Bearer wrong', 'Basic dXNlcjpwYXNz', 'Bearer', 'Bearer a.b.c', 'bearer  x'),
      expect: fc.constant('100-continue'),
      'x-forwarded-for': fc.constantFrom('127.0.0.1', '::1'),
      'x-http-method-override': fc.constant('DELETE'),
    },
    { requiredKeys: [] },
  )
  .chain((all) =>
    fc
      .subarray(Object.keys(all) as (keyof typeof all)[], { maxLength: 2 })
      .map((names) => Object.fromEntries(names.map((name) => [name, all[name] ?? '']))),
  );

const rarely = <T>(usual: Arbitrary<T>, rare: Arbitrary<T>, share = 12): Arbitrary<T> =>
  fc.oneof({ weight: share, arbitrary: usual }, { weight: 1, arbitrary: rare });

/** Requests for one operation, from the document that is served for it. */
export function requestsOf(prefix: string, source: unknown, operation: DocumentedOperation): Arbitrary<FuzzRequest> {
  const { paths, components } = whole.parse(source);
  const definitions = components.schemas as JsonObject;
  const { parameters, requestBody } = described.parse(paths[operation.path]?.[operation.method]);
  const partOf = (place: string): Arbitrary<JsonObject> => {
    const parts = parameters.filter((each) => each.in === place);
    const required = parts.filter((each) => each.required === true).map(({ name }) => name);
    const properties = Object.fromEntries(parts.map(({ name, schema }) => [name, schema as Json]));
    return arbitraryOf({ type: 'object', properties, required }, { definitions, favourites }) as Arbitrary<JsonObject>;
  };
  const odd = fc.dictionary(fc.oneof(fc.constantFrom(...parameters.map(({ name }) => name), 'x'), oddText), oddText, {
    maxKeys: 3,
    noNullPrototype: true,
  });
  const schema = requestBody?.content['application/json'].schema as Json | undefined;
  const requests: Arbitrary<OperationRequest> = fc.record({
    kind: fc.constant('operation' as const),
    prefix: fc.constant(prefix),
    operation: fc.constant(operation),
    method: rarely<string | null>(
      fc.constant(null),
      fc.constantFrom('HEAD', 'OPTIONS', 'PUT', 'PATCH', 'DELETE', 'POST', 'GET', 'TRACE', 'PROPFIND'),
      30,
    ),
    params: rarely(
      partOf('path'),
      partOf('path').chain((params) =>
        oddText.map((text) => Object.fromEntries(Object.keys(params).map((name) => [name, text]))),
      ),
    ),
    query: rarely(partOf('query'), odd),
    headers: rarely(fc.constant({}), headers, 3),
    body: bodyOf(schema, definitions),
  });
  return requestBody === undefined ? requests : rarely(requests, packed(requests), 8);
}

const startLines = [
  'GET /runs HTTP/1.1',
  'GET /docs HTTP/1.1',
  'GET /docs/../x HTTP/1.1',
  'POST /push/a/b HTTP/1.1',
  'GET /health/ready HTTP/1.1',
  'GET /openapi.json HTTP/1.1',
  'POST /runs HTTP/1.1',
  'GET http://else.where/runs HTTP/1.1',
  'OPTIONS * HTTP/1.1',
  'CONNECT a:1 HTTP/1.1',
  'GET /%',
  'GET /runs HTTP/9.9',
  'GET  /runs HTTP/1.1',
  'PRI * HTTP/2.0',
  '\u0016\u0003\u0001',
  'GET //runs//x/../y HTTP/1.1',
  `GET /${'a'.repeat(20_000)} HTTP/1.1`,
];
const rawHeaders = [
  'Host: localhost',
  'Host: evil.example',
  'Content-Length: 5',
  'Content-Length: -1',
  'Content-Length: 5, 6',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: chunked, identity',
  'Transfer-Encoding : chunked',
  'Content-Type: application/json',
  'Connection: upgrade',
  'Upgrade: websocket',
  ' folded',
  'No-Colon',
  ': empty',
  'Expect: 100-continue',
  `X-Long: ${'x'.repeat(17_000)}`,
  'Host: a\u0000b',
  'Connection: close',
];
const rawBodies = [
  '',
  '{"a"',
  '5\r\nhello\r\n0\r\n\r\n',
  'ffffffffffff\r\n',
  '-1\r\n',
  '0\r\n\r\nGET /runs HTTP/1.1\r\nHost: localhost\r\n\r\n',
  '\u0000'.repeat(100),
];

/** Bytes that are not a request, or one and a half requests. */
export const rawRequests: Arbitrary<FuzzRequest> = fc
  .oneof(
    fc
      .tuple(
        fc.constantFrom(...startLines),
        fc.array(fc.constantFrom(...rawHeaders), { maxLength: 5 }),
        fc.constantFrom(...rawBodies),
        fc.constantFrom('\r\n', '\r\n', '\n'),
      )
      .map(([start, lines, body, end]) => Buffer.from([start, ...lines, '', body].join(end), 'latin1')),
    fc.uint8Array({ maxLength: 200 }),
  )
  .map((bytes) => ({ kind: 'raw', bytes }));
