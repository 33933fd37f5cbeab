import { describe, expect, test } from 'vitest';
import { runId, runOf } from '../protocols/scripted-api.ts';
import { openSite } from './app.ts';

const done = { phase: 'done', status: 'success', outcome: { kind: 'result', value: 1 } } as const;

describe('answers', () => {
  test('a JSON answer has its length in bytes, and no body for HEAD', async () => {
    await using site = await openSite();
    site.api.runs.byId.set(runId, runOf({ request: { input: { name: 'Kännchen 茶' } } }));
    const whole = await site.fetch(`/runs/${runId}`);
    const bytes = Buffer.from(await whole.arrayBuffer());
    expect(JSON.parse(bytes.toString())).toMatchObject({ input: { name: 'Kännchen 茶' } });
    const head = await site.raw(`HEAD /runs/${runId} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    expect(await head.ended).toMatch(new RegExp(`\r\nContent-Length: ${bytes.length}\r\n[^]*\r\n\r\n$`));
  });

  test('the answer for a run follows the run and stays the same once the run is done', async () => {
    await using site = await openSite();
    const read = async (path: string) => await (await site.fetch(path)).text();
    const statuses: string[] = [];
    for (const change of [{}, { status: 'interrupted' }, done] as const) {
      site.api.runs.byId.set(runId, runOf(change));
      const text = await read(`/runs/${runId}`);
      expect(await read(`/runs/${runId}`)).toBe(text);
      expect(await read(`/acp/v0.1/runs/${runId}`)).toBe(text);
      statuses.push(JSON.parse(text).status);
    }
    expect(statuses).toEqual(['pending', 'interrupted', 'success']);
  });

  test('every answer closes its connection while the gateway drains', async () => {
    await using site = await openSite();
    expect((await site.fetch(`/runs/${runId}`)).headers.get('connection')).toBe('keep-alive');
    site.app.drain(1000);
    const answers = [`/runs/${runId}`, '/runs/no-uuid', '/health/live'].map((path) => site.fetch(path));
    for (const answer of answers) expect((await answer).headers.get('connection')).toBe('close');
  });
});
