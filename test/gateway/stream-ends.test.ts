import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { ask, stringIn } from './protocols.ts';
import { openSite, type Site, scraper } from './site.ts';
import { IntunedStandIn } from './stand-ins.ts';

vi.setConfig({ testTimeout: 60_000 });

/** Every character that some reader of lines takes for the end of one. */
const lineEnds = 'a\u0085b\u2028c\u2029d\ne\rf\u000bg\u000ch\u001ci';

describe.each(['', '/acp/v0.2', '/agent-protocol'])('the stream of a finished run under "%s/runs"', (prefix) => {
  let intuned: IntunedStandIn;
  let site: Site;
  let runId: string;
  const read = (lastEventId?: string) =>
    ask(
      site.client.url,
      'GET',
      `${prefix}/runs/${runId}/stream`,
      undefined,
      lastEventId === undefined ? {} : { 'last-event-id': lastEventId },
    );

  beforeAll(async () => {
    intuned = await IntunedStandIn.open();
    site = await openSite({ intuned, agents: [scraper] });
    const created = await ask(site.client.url, 'POST', '/runs', { agent_id: 'price-scraper', input: {} });
    runId = stringIn(created.body, 'run_id');
    (await intuned.nextRun()).say({ status: 'completed', result: { text: lineEnds } });
    await ask(site.client.url, 'GET', `/runs/${runId}/output?block_timeout=20`);
  });
  afterAll(async () => {
    await site[Symbol.asyncDispose]();
    await intuned[Symbol.asyncDispose]();
  });

  test('a reader that has every event is answered with 204, which stops EventSource', async () => {
    const whole = await read();
    expect(whole.status).toBe(200);
    const ids = [...String(whole.body).matchAll(/^id: (\d+)$/gm)].map(([, id = '']) => id);
    const [last = ''] = ids.slice(-1);
    expect(await read(last)).toMatchObject({ status: 204, body: '' });
    expect(await read('1')).toMatchObject({ status: 200 });
  });

  test.each(['-1', '0', ''])('Last-Event-ID %j begins at the first event', async (id) => {
    expect((await read(id)).body).toEqual((await read()).body);
  });

  test('the JSON of an event is one line for every idea of a line, and means what the vendor sent', async () => {
    const text = String((await read()).body);
    const ends = ['\u0085', '\u2028', '\u2029', '\r', '\u000b', '\u000c', '\u001c'];
    expect(ends.filter((end) => text.includes(end))).toEqual([]);
    const data = text.split('\n').filter((line) => line.startsWith('data: '));
    expect(data.map((line) => JSON.stringify(JSON.parse(line.slice(6)))).join('')).toContain(JSON.stringify(lineEnds));
  });
});
