import { Validator } from '@seriousme/openapi-schema-validator';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { documentsAbsent } from './acp-documents.ts';
import { ProtocolDocument } from './protocol-document.ts';
import { createProtocols, openProtocols } from './protocol-sites.ts';

const protocols = createProtocols();

const described = z.looseObject({
  openapi: z.string(),
  servers: z.array(z.object({ url: z.string() })),
  components: z.object({ schemas: z.record(z.string(), z.unknown()) }),
});

describe.each(protocols)('$name', ({ name, prefix, operations, about }) => {
  test('the document is valid OpenAPI 3.1 and holds every operation', async () => {
    await using site = await openProtocols();
    const answer = await site.fetch(`${prefix}/openapi.json`);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/json']);
    const source = z.record(z.string(), z.unknown()).parse(await answer.json());
    const { valid, errors } = await new Validator().validate(structuredClone(source));
    expect([valid, errors]).toEqual([true, undefined]);
    const { openapi, servers, components } = described.parse(source);
    expect([openapi, servers]).toEqual(['3.1.0', [{ url: prefix }]]);
    expect(Object.keys(components.schemas)).toEqual(expect.arrayContaining(Object.keys(about.schemas)));
    expect(new Set(new ProtocolDocument(source).operations.map(({ id }) => id))).toEqual(
      new Set(operations.map(({ id }) => id)),
    );
  });

  test('the document has a schema for every answer with a body, and no two operations with the same id', () => {
    expect(new Set(operations.map(({ id }) => id)).size).toBe(operations.length);
    for (const { id, answers } of operations) {
      for (const [status, { schema }] of Object.entries(answers)) {
        const isEmpty =
          ['101', '204', '304'].includes(status) || (['mcp', 'langgraph'].includes(name) && status === '202');
        expect([id, status, schema === undefined]).toEqual([id, status, isEmpty]);
      }
    }
  });
});

test('no document has a pattern beside a format', async () => {
  await using site = await openProtocols();
  const withFormat: object[] = [];
  for (const { prefix } of protocols) {
    const text = await (await site.fetch(`${prefix}/openapi.json`)).text();
    JSON.parse(text, (_key, value: unknown) => {
      if (typeof value === 'object' && value !== null && 'format' in value) withFormat.push(value);
      return value;
    });
  }
  expect(withFormat.length).toBeGreaterThan(40);
  for (const schema of withFormat) expect(schema).not.toHaveProperty('pattern');
});

test('statuses, messages, results and events are named schemas that the others refer to', async () => {
  await using site = await openProtocols();
  const namesOf = async (prefix: string) => {
    const text = await (await site.fetch(`${prefix}/openapi.json`)).text();
    // The values of a status are listed once, under its name.
    expect([prefix, text.match(/"interrupted"\]/g)?.length]).toEqual([prefix, 1]);
    return Object.keys(described.parse(JSON.parse(text)).components.schemas);
  };
  expect(await namesOf('/acp/v0.1')).toEqual(
    expect.arrayContaining(['RunStatus', 'Message', 'RunResult', 'RunInterrupt', 'RunError', 'RunUpdate']),
  );
  expect(await namesOf('/acp/v0.2')).toEqual(
    expect.arrayContaining(['RunStatus', 'ThreadStatus', 'Message', 'RunResult', 'ValuesEvent', 'InterruptEvent']),
  );
  expect(await namesOf('/agent-protocol')).toEqual(expect.arrayContaining(['RunStatus', 'ThreadStatus', 'Message']));
});

test('the root serves the document of its protocol, and the validator refuses a broken one', async () => {
  await using site = await openProtocols();
  const source = described.parse(await (await site.fetch('/openapi.json')).json());
  expect(source).toMatchObject({ info: { version: '0.1' }, servers: [{ url: '/' }] });
  expect((await new Validator().validate({ ...source, paths: { '/x': { get: { responses: 7 } } } })).valid).toBe(false);
});

test('query parameters are described as numbers and flags', async () => {
  await using site = await openProtocols();
  const document: unknown = await (await site.fetch('/acp/v0.2/openapi.json')).json();
  const parameters = z
    .object({ paths: z.record(z.string(), z.record(z.string(), z.looseObject({ parameters: z.array(z.unknown()) }))) })
    .parse(document);
  expect(parameters.paths['/runs/{run_id}/cancel']?.post?.parameters).toMatchObject([
    { in: 'path', name: 'run_id', required: true, schema: { type: 'string', format: 'uuid' } },
    { in: 'query', name: 'wait', schema: { type: 'boolean', default: false } },
    { in: 'query', name: 'action', schema: { enum: ['interrupt', 'rollback'], default: 'interrupt' } },
  ]);
  expect(parameters.paths['/threads/{thread_id}/history']?.get?.parameters).toMatchObject([
    { in: 'path', name: 'thread_id' },
    { in: 'query', name: 'limit', schema: { type: 'integer', minimum: 1, maximum: 1000, default: 10 } },
    { in: 'query', name: 'before' },
  ]);
  expect(parameters.paths['/runs/{run_id}/stream']?.get?.parameters).toMatchObject([
    { in: 'path' },
    { in: 'header', name: 'Last-Event-ID' },
  ]);
});

test('the reference page loads nothing from elsewhere', async () => {
  await using site = await openProtocols();
  const page = await site.fetch('/docs');
  expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
  expect(page.headers.get('content-security-policy')).toContain("default-src 'none'; script-src 'self';");
  const html = await page.text();
  const loaded = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url = '']) => url);
  expect(loaded).toHaveLength(5);
  for (const url of loaded) {
    expect(url).toMatch(/^\/docs\/[\w.-]+$/);
    const asset = await site.fetch(url);
    expect([url, asset.status, (await asset.arrayBuffer()).byteLength > 100]).toEqual([url, 200, true]);
  }
  const start = await (await site.fetch('/docs/start.js')).text();
  for (const { prefix } of protocols) expect(start).toContain(`"${prefix}/openapi.json"`);
  // Otherwise the page would send the document to a validator elsewhere.
  expect(start).toContain('"validatorUrl":null');
});

test.each(['/docs/', '/docs/package.json', '/docs/..%2fpackage.json', '/docs/toString', '/acp/openapi.json'])(
  'GET %s, which is not part of the reference, is answered with 404',
  async (path) => {
    await using site = await openProtocols();
    expect((await site.fetch(path)).status).toBe(404);
  },
);

test('the reference takes GET and HEAD alone', async () => {
  await using site = await openProtocols();
  for (const path of ['/docs', '/openapi.json']) {
    const posted = await site.fetch(path, { method: 'POST' });
    expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'HEAD, GET, OPTIONS']);
    const head = await site.fetch(path, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
  }
});

test.skipIf(documentsAbsent !== null)(
  `integers defeat the schemas of ACP 0.2.3 (${documentsAbsent ?? 'present'})`,
  () => {
    const document = ProtocolDocument.read('acp-0.2.3.openapi.json');
    // Its `oneOf` has both integer and number, so that 5 is both; it is sent as it is, and so is every other value.
    expect(document.judge('RunOutput', { type: 'result', values: 5 })).toContain(
      '/values must match exactly one schema in oneOf',
    );
    for (const values of [5.5, 'text', false, [1], {}]) {
      expect(document.judge('RunOutput', { type: 'result', values })).toEqual([]);
    }
    expect(document.judge('RunOutput', { type: 'result', values: null })).not.toEqual([]);
  },
);
