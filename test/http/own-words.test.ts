import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Operation, Protocol } from '../../src/contract/api/protocol.ts';
import type { GatewayError } from '../../src/contract/domain/errors.ts';
import type { EventBatches, RunEvent } from '../../src/contract/domain/event.ts';
import { expandEvents } from '../../src/protocols/shared/expand-events.ts';
import { openSite, type Site } from './app.ts';

const nothing = z.strictObject({});

function row(path: string, handle: Operation['handle']): Operation {
  const shared = { method: 'GET', params: nothing, query: nothing, body: z.undefined(), answers: {} } as const;
  return { id: path.slice(1), path, summary: path, ...shared, handle };
}

/** One event of a run that goes on, and one that would never be read. */
async function* twoEvents(): AsyncGenerator<readonly RunEvent[], undefined, undefined> {
  const event = { runId: 'r', atMs: 0, status: 'pending' } as const;
  yield [{ ...event, seq: 1, change: { kind: 'partial', value: 'Hello' } }];
  yield [{ ...event, seq: 2, change: { kind: 'interrupt', payload: 'go on?' } }];
  yield [{ ...event, seq: 3, change: { kind: 'partial', value: 'never sent' } }];
  return undefined;
}

const events = () => {
  const reader = twoEvents();
  const leave = async () => ({ done: true, value: undefined }) as const;
  return { next: () => reader.next(), return: leave, [Symbol.asyncIterator]: () => reader } as EventBatches<RunEvent>;
};

const protocol: Protocol = {
  name: 'own-words',
  prefix: '/own',
  operations: [
    row('/seen', async (_api, request) => ({
      kind: 'json',
      status: 200,
      contentType: 'application/own+json',
      headers: { Location: '/elsewhere', 'Content-Location': '/mine', 'Cache-Control': 'public' },
      runId: '0199',
      body: { baseUrl: request.baseUrl, version: request.header('own-version') ?? null },
    })),
    row('/large', async () => ({
      kind: 'json',
      status: 200,
      contentType: 'application/own+json',
      body: { text: 'x'.repeat(3_000_000) },
    })),
    row('/expanded', async () => ({
      kind: 'events',
      headers: { Location: '/elsewhere' },
      runId: '0199',
      events: expandEvents(events(), {
        before: [{ data: 'first' }],
        expand: ({ seq, change }) =>
          change.kind === 'partial'
            ? [
                { id: `${seq}.0`, event: 'begun', data: seq },
                { id: `${seq}.1`, event: 'text', data: change.value },
              ]
            : [{ event: 'asked', data: null }],
        endsAfter: ({ change }) => change.kind === 'interrupt',
      }),
    })),
  ],
  about: { title: 'own', version: '1', description: '', error: z.string(), schemas: {} },
  encodeError: (error: GatewayError) => error.message,
  encodeRun: () => null,
};

const mounts = [{ protocol, prefix: protocol.prefix }];

describe('an answer in the words of its protocol', () => {
  let site: Site;
  let named: Site;
  beforeAll(async () => {
    [site, named] = await Promise.all([openSite({ mounts }), openSite({ mounts, publicUrl: 'https://runs.example' })]);
  });
  afterAll(async () => {
    await Promise.all([site.close(0), named.close(0)]);
  });

  it('has the headers that the protocol gives, in place of those of the gateway', async () => {
    const { headers } = await site.fetch('/own/seen');
    expect(Object.fromEntries(headers)).toMatchObject({
      location: '/elsewhere',
      'content-location': '/mine',
      'cache-control': 'public',
      'content-type': 'application/own+json',
    });
  });

  it('keeps its content type when it is large', async () => {
    const answer = await site.fetch('/own/large');
    expect(answer.headers.get('content-type')).toBe('application/own+json');
    expect(((await answer.json()) as { text: string }).text).toHaveLength(3_000_000);
  });

  it('can name the address under which the request came, and read a header', async () => {
    const answer = await site.fetch('/own/seen', { headers: { 'Own-Version': '1.0' } });
    expect(await answer.json()).toEqual({ baseUrl: site.url, version: '1.0' });
  });

  it('names the public address of the config where there is one', async () => {
    expect(await (await named.fetch('/own/seen')).json()).toEqual({ baseUrl: 'https://runs.example', version: null });
  });

  it('streams several events for one of the run, with and without ids and names, up to the last that it wants', async () => {
    const answer = await site.fetch('/own/expanded');
    expect(answer.headers.get('location')).toBe('/elsewhere');
    expect(answer.headers.get('content-location')).toBe('/own/runs/0199');
    expect(await answer.text()).toBe(
      'data: "first"\n\nid: 1.0\nevent: begun\ndata: 1\n\nid: 1.1\nevent: text\ndata: "Hello"\n\nevent: asked\ndata: null\n\n',
    );
  });
});
