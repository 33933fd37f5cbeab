import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Json } from '../../src/contract/domain/json.ts';
import { type AuthSite, keyOf, openAuthSite } from '../access/auth-site.ts';

const parameter = z.looseObject({ name: z.string(), in: z.string(), example: z.string().optional() });
const operation = z.looseObject({
  description: z.string(),
  parameters: z.array(parameter).default([]),
  requestBody: z
    .looseObject({ content: z.object({ 'application/json': z.looseObject({ example: z.unknown() }) }) })
    .optional(),
  responses: z.record(z.string(), z.unknown()),
});
const documentSchema = z.looseObject({
  paths: z.record(z.string(), z.record(z.string(), operation)),
  components: z.looseObject({ securitySchemes: z.record(z.string(), z.unknown()).optional() }),
  security: z.array(z.record(z.string(), z.unknown())).optional(),
});

const prefixes = ['', '/acp/v0.1', '/acp/v0.2', '/agent-protocol'];

/** An agent whose schema an empty input does not fit. */
const strict = {
  name: 'strict',
  backend: 'intuned',
  target: { project: 'samples', api: 'echo' },
  schemas: {
    input: {
      type: 'object',
      required: ['url', 'depth', 'kind'],
      additionalProperties: false,
      properties: {
        url: { type: 'string', format: 'uri' },
        depth: { type: 'integer', minimum: 3 },
        kind: { enum: ['shop', 'news'] },
        note: { type: 'string' },
      },
    },
  },
};

async function readDocument(site: AuthSite, prefix: string) {
  return documentSchema.parse(await (await fetch(`${site.url}${prefix}/openapi.json`)).json());
}

/** Operations whose example needs nothing that an earlier answer would give, and that answer once. */
function examplesOf({ paths }: z.output<typeof documentSchema>) {
  return Object.entries(paths)
    .filter(([path]) => !/^\/threads\/\{thread_id\}\/(stream|commands)$/.test(path))
    .flatMap(([path, methods]) =>
      Object.entries(methods)
        .filter(
          ([method, { requestBody }]) =>
            (method === 'post' && requestBody !== undefined) || path === '/agents/{agent_id}',
        )
        .filter(([, { parameters }]) =>
          parameters.every(({ in: place, example }) => place !== 'path' || example !== undefined),
        )
        .map(([method, { parameters, requestBody }]) => ({
          method: method.toUpperCase(),
          path: path.replaceAll(
            /\{(\w+)\}/g,
            (_, name: string) => parameters.find((each) => each.name === name)?.example ?? '',
          ),
          body: requestBody?.content['application/json'].example as Json | undefined,
        })),
    );
}

describe('documents of a running config', () => {
  let site: AuthSite;
  beforeAll(async () => {
    site = await openAuthSite({ sections: { defaultAgent: 'strict' }, agents: [strict] });
  });
  afterAll(() => site[Symbol.asyncDispose]());

  test.each(prefixes)(
    'the examples of %s/openapi.json work as they are, with the default agent of the config',
    async (prefix) => {
      const document = await readDocument(site, prefix);
      const examples = examplesOf(document);
      const runs = examples.filter(({ path, method }) => method === 'POST' && /\/runs$/.test(path));
      expect(runs.length).toBeGreaterThan(0);
      for (const { body } of runs)
        expect(body).toMatchObject({ agent_id: 'strict', input: { url: expect.any(String), depth: 3, kind: 'shop' } });
      for (const { method, path, body } of examples.toSorted(
        (a, b) => Number(runs.includes(b)) - Number(runs.includes(a)),
      )) {
        const { status, body: answer } = await site.ask(null, method, `${prefix}${path}`, body);
        expect([method, path, status, status === 200 ? null : answer]).toEqual([method, path, 200, null]);
      }
    },
  );

  test.each(prefixes)(
    'the operations of %s/openapi.json ask for no credentials where the config has none',
    async (prefix) => {
      const { security, components, paths } = await readDocument(site, prefix);
      expect([security, components.securitySchemes]).toEqual([undefined, undefined]);
      for (const { responses } of Object.values(paths).flatMap((each) => Object.values(each)))
        expect(Object.keys(responses)).not.toContain('401');
    },
  );
});

describe('documents of a config with keys', () => {
  let site: AuthSite;
  const { key, entry } = keyOf('docs');
  beforeAll(async () => {
    site = await openAuthSite({ sections: { auth: { keys: [entry] } }, agents: [strict] });
  });
  afterAll(() => site[Symbol.asyncDispose]());

  test.each(prefixes)(
    '%s/openapi.json names both ways to send a key, and the refusals of every operation',
    async (prefix) => {
      const { security, components, paths } = await readDocument(site, prefix);
      expect(security).toEqual([{ bearer: [] }, { apiKey: [] }]);
      expect(components.securitySchemes).toMatchObject({
        bearer: { type: 'http', scheme: 'bearer' },
        apiKey: { type: 'apiKey', in: 'header', name: 'X-Api-Key' },
      });
      for (const { responses } of Object.values(paths).flatMap((each) => Object.values(each)))
        expect(Object.keys(responses)).toEqual(expect.arrayContaining(['401', '403', '429']));
    },
  );

  test.each(prefixes)('%s/openapi.json with its security schemes is valid OpenAPI 3.1', async (prefix) => {
    const source = z
      .record(z.string(), z.unknown())
      .parse(await (await fetch(`${site.url}${prefix}/openapi.json`)).json());
    const { valid, errors } = await new Validator().validate(source);
    expect([valid, errors]).toEqual([true, undefined]);
  });

  test('documents that anyone can read name no agent that needs a key', async () => {
    for (const prefix of prefixes)
      expect(await (await fetch(`${site.url}${prefix}/openapi.json`)).text()).not.toMatch(/"(strict|echo|scrape)"/);
    for (const header of [{ authorization: `Bearer ${key}` }, { 'x-api-key': key }])
      expect((await fetch(`${site.url}/agents/strict`, { headers: header })).status).toBe(200);
  });
});
