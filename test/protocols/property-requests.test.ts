import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import type { Run, RunKey } from '../../src/contract/domain/run.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import type { Site } from '../http/app.ts';
import { busy, failed, interrupted, live, succeeded } from './conformance-cases.ts';
import { parseEvents } from './event-lines.ts';
import { type DocumentedOperation, ProtocolDocument } from './protocol-document.ts';
import { createProtocols, openProtocols } from './protocol-sites.ts';
import { arbitraryOf, broken } from './schema-arbitrary.ts';
import { absentId, agentId, runId, runOf, ScriptedApi, ScriptedRuns } from './scripted-api.ts';
import { itemKey, itemOf } from './scripted-items.ts';
import { checkpointId, threadId } from './scripted-threads.ts';

/** How many requests an operation gets: one without a body has less to go wrong. See `test/heavy.ts`. */
const cases =
  process.env.RUNGATE_TEST_ALL_CASES === undefined
    ? { withBody: 24, withoutBody: 7 }
    : { withBody: 70, withoutBody: 20 };

/** Never waits: a pending run is answered as it is. */
class ImpatientRuns extends ScriptedRuns {
  override wait(key: RunKey): Promise<Run> {
    return this.get(key);
  }
}

/** Starts over with runs and threads of every kind. */
function reset(api: ScriptedApi, kind: number): void {
  const { runs, threads, items, agents } = api;
  runs.byId.clear();
  threads.byId.clear();
  threads.checkpoints.length = 0;
  items.items.splice(0, items.items.length, ...(kind % 2 === 0 ? [itemOf()] : []));
  const changes = [{}, succeeded, failed, interrupted][kind % 4] ?? {};
  (kind < 4 ? live : busy)(api);
  runs.byId.set(runId, runOf({ ...changes, threadId: kind % 2 === 0 ? threadId : null }));
  runs.born = changes;
  // Records would grow with every request.
  for (const kept of [runs.created, runs.streams, runs.searched, agents.searched, runs.keys]) kept.length = 0;
  for (const kept of [items.written, items.searched, items.listed]) kept.length = 0;
}

const parameter = z.looseObject({ in: z.string(), name: z.string(), required: z.boolean().optional() });
const described = z.looseObject({
  parameters: z.array(parameter.extend({ schema: z.unknown() })),
  requestBody: z.object({ content: z.object({ 'application/json': z.object({ schema: z.unknown() }) }) }).optional(),
});
const whole = z.looseObject({
  paths: z.record(z.string(), z.record(z.string(), described)),
  components: z.object({ schemas: z.record(z.string(), z.unknown()) }),
});

const favourites = {
  run_id: [runId, runId, absentId],
  thread_id: [threadId, threadId, absentId],
  agent_id: [agentId, 'price-scraper', absentId],
  assistant_id: [agentId, 'price-scraper', absentId],
  checkpoint_id: [checkpointId],
  before: [checkpointId],
  key: [itemKey.key],
  response_id: [`resp_${runId}`, runId, `resp_${absentId}`],
  previous_response_id: [`resp_${runId}`],
  conversation_id: [`conv_${threadId}`, `conv_${absentId}`],
  conversation: [`conv_${threadId}`],
  call_id: [`call_${runId}_1`],
  model: ['price-scraper', agentId],
  input: ['{"url":"https://shop.test/1"}'],
};

type Sent = {
  readonly kind: number;
  readonly params: JsonObject;
  readonly query: JsonObject;
  readonly body: Json | undefined;
};

let site: Site;
const api = new ScriptedApi(ImpatientRuns);

beforeAll(async () => {
  site = await openProtocols({ api });
});
afterAll(async () => {
  await site[Symbol.asyncDispose]();
});

/** Requests of one operation, from the document that is served. */
function requestsOf(source: unknown, { path, method }: DocumentedOperation): fc.Arbitrary<Sent> {
  const { paths, components } = whole.parse(source);
  const { parameters, requestBody } = described.parse(paths[path]?.[method]);
  const context = { definitions: components.schemas as JsonObject, favourites };
  const partOf = (place: string): fc.Arbitrary<Json> => {
    const parts = parameters.filter((each) => each.in === place);
    const required = parts.filter((each) => each.required === true).map(({ name }) => name);
    const properties = Object.fromEntries(parts.map(({ name, schema }) => [name, schema as Json]));
    return arbitraryOf({ type: 'object', properties, required }, context);
  };
  const schema = requestBody?.content['application/json'].schema as Json | undefined;
  const body = schema === undefined ? fc.constant(undefined) : arbitraryOf(schema, context);
  const spoilt = schema === undefined ? fc.constant(undefined) : broken(arbitraryOf(schema, context));
  return fc.record({
    kind: fc.nat({ max: 7 }),
    // A segment of dots is a step in the path, which clients take before they send it.
    params: (partOf('path') as fc.Arbitrary<JsonObject>).filter(
      (params) => !Object.values(params).some((value) => value === '.' || value === '..'),
    ),
    query: partOf('query') as fc.Arbitrary<JsonObject>,
    body: fc.oneof(
      { weight: 4, arbitrary: body },
      { weight: 6, arbitrary: spoilt },
      { weight: 1, arbitrary: fc.constant(undefined) },
    ),
  });
}

async function send(prefix: string, path: string, method: string, { params, query, body }: Sent): Promise<Response> {
  const place = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(params[name])));
  const asked = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)]));
  const json =
    body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { 'content-type': 'application/json', 'a2a-version': '1.0' } };
  return await site.fetch(`${prefix}${place}?${asked}`, { method: method.toUpperCase(), ...json });
}

/** Refusals of requests that a document cannot tell from others: they are right, and the thread or the agent is not. */
const ofState = /no run of the thread waits for this answer|input cannot be made of a text/;

/** Whether an object at any depth has a member named `__proto__`, which no request may have. */
function holdsProtoKey(value: Json | undefined): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return value.some(holdsProtoKey);
  return Object.hasOwn(value, '__proto__') || Object.values(value).some(holdsProtoKey);
}

/** Whether an answer refuses the form of a request, rather than what it asks for. */
function isRefused(status: number, text: string, refusalStatus: number): boolean {
  if (status !== refusalStatus || ofState.test(text)) return false;
  return refusalStatus === 422 || /"code":"(?:invalid_request|malformed_json)"/.test(text);
}

describe.each(createProtocols())('generated requests of $name', ({ name, prefix, operations, refusalStatus = 422 }) => {
  // A fetch cannot be upgraded, so a socket refuses whatever it is sent.
  const served = operations.filter(({ answers }) => !(101 in answers));
  let source: unknown;
  let document: ProtocolDocument;
  beforeAll(async () => {
    source = await (await site.fetch(`${prefix}/openapi.json`)).json();
    document = new ProtocolDocument(source);
  });

  test.each(served)('$id answers every generated request as its document says', async ({ id }) => {
    const operation = document.find(id);
    const { path, method, answers } = operation;
    const judge = async (request: Sent): Promise<void> => {
      reset(api, request.kind);
      const answer = await send(prefix, path, method, request);
      const [status, text] = [answer.status, await answer.text()];
      // What the gateway does not do is refused whatever is sent.
      if (answers.has(501)) {
        expect([501, refusalStatus]).toContain(status);
        return;
      }
      expect(status).toBeLessThan(500);
      // The document and the gateway must agree on what a request is. No schema can say that a key is not taken at any
      // depth, and Ajv overlooks the members named so, so that this rule is judged beside the document.
      const refused = holdsProtoKey(request.body) || document.judgeBody(operation, request.body).length > 0;
      // A2A refuses more than its schemas can say, and JSON-RPC answers with 200.
      if (name !== 'a2a') expect([text, isRefused(status, text, refusalStatus)]).toEqual([text, refused]);
      // An agent that is not there is missed before the message is looked at.
      else if (refused && !text.includes('"AGENT_NOT_FOUND"'))
        expect([text, status]).toEqual([text, id === 'call_method' ? 200 : refusalStatus]);
      if (status < 300) expect([...answers.keys()]).toContain(status);
      if (text === '') return;
      const mediaType = answer.headers.get('content-type') ?? '';
      const bodies = mediaType === 'text/event-stream' ? parseEvents(text).map(({ data }) => data) : [text];
      for (const body of bodies) {
        expect(document.judgeAnswer(operation, status, mediaType, JSON.parse(body))).toEqual([]);
      }
    };
    await fc.assert(fc.asyncProperty(requestsOf(source, operation), judge), {
      numRuns: operation.takesBody ? cases.withBody : cases.withoutBody,
    });
  });

  const takesBody = served.filter(({ body }) => !(body instanceof z.ZodUndefined));
  const depths = ['{"__proto__":0}', '{"input":{"__proto__":{}}}', '[{"a":[{"__proto__":null}]}]'];
  test.each(takesBody)('$id refuses the key __proto__ at any depth', async ({ id }) => {
    const { path, method } = document.find(id);
    const params = {
      ...{ run_id: runId, thread_id: threadId, agent_id: agentId },
      ...{ response_id: runId, conversation_id: `conv_${threadId}` },
    };
    for (const text of depths) {
      reset(api, 0);
      const answer = await send(prefix, path, method, { kind: 0, params, query: {}, body: JSON.parse(text) as Json });
      const status = id === 'call_method' ? 200 : refusalStatus;
      expect([answer.status, await answer.text()]).toEqual([status, expect.stringContaining('is not taken')]);
    }
  });
});

test('values generated from a schema match it, and broken ones mostly do not', () => {
  const schema = {
    type: 'object',
    properties: { a: { type: 'integer', minimum: 3 } },
    required: ['a'],
    additionalProperties: false,
  };
  const accepts = new Ajv2020().compile(schema);
  const context = { definitions: {}, favourites: {} };
  expect(fc.sample(arbitraryOf(schema, context), 100).every((value) => accepts(value))).toBe(true);
  const refused = fc.sample(broken(arbitraryOf(schema, context)), 100).filter((value) => !accepts(value));
  expect(refused.length).toBeGreaterThan(60);
  expect(refused.some(isJsonObject)).toBe(true);
});
