import { describe, expect, test } from 'vitest';
import { createAcpV01 } from '../../src/protocols/acp-v01/protocol.ts';
import { openSite } from '../http/app.ts';
import { agentId, runId } from './scripted-api.ts';

const invalid = 'the request is not valid';

describe('invalid requests of ACP 0.1', () => {
  const bodies: readonly (readonly [path: string, body: unknown, message: string])[] = [
    ['/runs', { inptu: {} }, `${invalid}: inptu is not a known member; did you mean "input"?`],
    ['/runs', { agentId }, `${invalid}: agentId is not a known member; did you mean "agent_id"?`],
    ['/runs', { zzzzzzzz: 1 }, `${invalid}: zzzzzzzz is not a known member`],
    ['/runs', { agent_id: '' }, `${invalid}: agent_id must not be empty`],
    ['/runs', { agent_id: 7 }, `${invalid}: agent_id must be a string, is a number`],
    ['/runs', { thread_id: 'mine' }, `${invalid}: thread_id must be a UUID`],
    ['/runs', { input: [] }, `${invalid}: input must be an object, is an array`],
    ['/runs', { input: 'text' }, `${invalid}: input must be an object, is a string`],
    ['/runs', { metadata: 1 }, `${invalid}: metadata must be an object, is a number`],
    ['/runs', { config: true }, `${invalid}: config must be an object, is a boolean`],
    ['/runs', { webhook: 'ftp://hooks.test' }, `${invalid}: webhook must be an http or https URL`],
    ['/runs', { webhook: 'hooks' }, `${invalid}: webhook must be an http or https URL`],
    ['/runs', { streaming: 'values' }, `${invalid}: streaming must be result or custom`],
    ['/runs', [], `${invalid}: the body must be an object, is an array`],
    ['/runs', 'null', `${invalid}: the body must be an object, is null`],
    ['/runs', '', `${invalid}: the body is required`],
    [`/runs/${runId}`, '', `${invalid}: the body is required`],
    ['/runs/search', { limit: 0 }, `${invalid}: limit must be at least 1`],
    ['/runs/search', { limit: 1001 }, `${invalid}: limit must be at most 1000`],
    ['/runs/search', { limit: 1.5 }, `${invalid}: limit must be a whole number`],
    ['/runs/search', { offset: -1 }, `${invalid}: offset must be at least 0`],
    ['/runs/search', { metadata: [] }, `${invalid}: metadata must be an object, is an array`],
    ['/runs/search', { stats: 'error' }, `${invalid}: stats is not a known member; did you mean "status"?`],
    ['/agents/search', { limit: '5' }, `${invalid}: limit must be a number, is a string`],
    ['/agents/search', { name: null }, `${invalid}: name must be a string, is null`],
  ];
  test.each(bodies)('POST %s with the body %j is refused with 422 and a reason', async (path, body, message) => {
    await using site = await openSite();
    const answer = await site.post(path, body);
    expect([answer.status, await answer.json()]).toEqual([422, message]);
    expect([site.api.runs.created, site.api.runs.searched, site.api.runs.resumed]).toEqual([[], [], []]);
  });

  const blockTimeouts: readonly (readonly [query: string, message: string])[] = [
    ['-1', 'must be a whole number of seconds'],
    ['1.5', 'must be a whole number of seconds'],
    ['1e3', 'must be a whole number of seconds'],
    ['', 'must be a whole number of seconds'],
    ['%205', 'must be a whole number of seconds'],
    ['+5', 'must be a whole number of seconds'],
    ['0x10', 'must be a whole number of seconds'],
    ['99999999999', 'must be at most 3600 seconds'],
    ['3601', 'must be at most 3600 seconds'],
    ['1&block_timeout=2', 'must be given once'],
  ];
  test.each(blockTimeouts)(
    'GET /runs/{run_id}/output?block_timeout=%s is refused with 422 and a reason',
    async (query, message) => {
      await using site = await openSite();
      const answer = await site.fetch(`/runs/${runId}/output?block_timeout=${query}`);
      expect([answer.status, await answer.json()]).toEqual([422, `${invalid}: block_timeout ${message}`]);
      expect(site.api.runs.keys).toEqual([]);
    },
  );

  test('a misspelt query parameter is refused with 422', async () => {
    await using site = await openSite();
    const answer = await site.fetch(`/runs/${runId}/output?blocktimeout=2`);
    const message = `${invalid}: blocktimeout is not a known member; did you mean "block_timeout"?`;
    expect([answer.status, await answer.json()]).toEqual([422, message]);
  });

  test.each([
    ['GET', ''],
    ['DELETE', ''],
    ['GET', '/output'],
    ['GET', '/stream'],
  ])('%s /runs/42%s is refused with 422 because 42 is not a UUID', async (method, rest) => {
    await using site = await openSite();
    const answer = await site.fetch(`/runs/42${rest}`, { method });
    expect([answer.status, await answer.json()]).toEqual([422, `${invalid}: run_id must be a UUID`]);
  });

  test.each(['x', '-2', '1.0', '9'.repeat(16)])('a stream with Last-Event-ID: %s is refused with 422', async (id) => {
    await using site = await openSite();
    const answer = await site.fetch(`/runs/${runId}/stream`, { headers: { 'last-event-id': id } });
    const message = `${invalid}: Last-Event-ID must be an id that the stream gave`;
    expect([answer.status, await answer.json()]).toEqual([422, message]);
    expect(site.api.runs.streams).toEqual([]);
  });

  test.each(['""', 'two words', 'k'.repeat(256)])(
    'a creation with Idempotency-Key: %s is refused with 422',
    async (key) => {
      await using site = await openSite();
      const answer = await site.post('/runs', {}, { 'idempotency-key': key });
      const message = `${invalid}: Idempotency-Key must be 1 to 255 visible ASCII characters`;
      expect([answer.status, await answer.json()]).toEqual([422, message]);
    },
  );
});

test('unknown fields are ignored with server.unknownFields: ignore', async () => {
  const protocol = createAcpV01({ unknownFields: 'ignore', maxBlockSeconds: 1 });
  await using site = await openSite({ mounts: [{ protocol, prefix: '' }] });
  const answer = await site.post('/runs', { input: { a: 1 }, stream_subgraphs: true, note: 'x' });
  expect(answer.status).toBe(200);
  expect(site.api.runs.created).toMatchObject([{ request: { input: { a: 1 } } }]);
  expect((await site.fetch(`/runs/${runId}/output?blocktimeout=2`)).status).toBe(204);
});
