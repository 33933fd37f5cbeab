import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test, vi } from 'vitest';
import { hangUp, reply } from './manners.ts';
import { openSite, scraper } from './site.ts';
import { IntunedStandIn } from './stand-ins.ts';

vi.setConfig({ testTimeout: 60_000 });

test.concurrent('the newest finished runs are read from memory, and live ones are not', async () => {
  await using intuned = await IntunedStandIn.open();
  await using site = await openSite({
    intuned,
    agents: [scraper],
    keeps: true,
    sections: { limits: { cacheRuns: 2 } },
  });
  const { client } = site;
  intuned.plan = () => ({ status: 'completed', result: 'kept' });
  const [first, second, third] = [
    await client.run({ agent_id: 'price-scraper' }),
    await client.run({ agent_id: 'price-scraper' }),
    await client.run({ agent_id: 'price-scraper' }),
  ];
  // The oldest is read again, and pushes the second one out.
  expect((await client.read(first.run_id)).status).toBe('success');
  intuned.plan = () => ({ status: 'pending' });
  const live = await client.create({ agent_id: 'price-scraper' });

  // Behind the gateway's back, so that only what it remembers can be read.
  const database = new DatabaseSync(join(site.folder, 'runs.db'));
  database.exec('DELETE FROM runs');
  database.close();
  const read = async (runId: string) => (await client.ask('GET', `/runs/${runId}/output`)).status;
  expect(await Promise.all([first, second, third, live].map(({ run_id }) => read(run_id)))).toEqual([
    200, 404, 200, 404,
  ]);
  expect((await client.output(first.run_id)).result).toBe('kept');
});

test.concurrent('the log has one JSON object a line with run, agent and backend, and no secret', async () => {
  await using intuned = await IntunedStandIn.open();
  await using site = await openSite({ intuned, agents: [scraper] });
  intuned.surprise('start', (response, asked) => {
    reply(429, { message: `too many for ${asked.headers['x-api-key']}` }, { 'retry-after': '0' })(response, asked);
  });
  intuned.surprise('poll', hangUp);
  intuned.plan = () => ({ status: 'completed', result: 1 });
  const { run_id } = await site.client.run({
    agent_id: 'price-scraper',
    config: { proxy: 'http://u:pa55word@p.test' },
  });
  const ofRun = site.log.filter((line) => line.run_id === run_id);
  for (const line of ofRun) {
    expect(line).toMatchObject({ agent: 'price-scraper', level: expect.any(String), msg: expect.any(String) });
    expect(line.time).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
  }
  const failures = ofRun.filter(({ msg }) => msg === 'vendor call failed');
  expect(failures.map(({ backend, purpose, kind, http_status }) => [backend, purpose, kind, http_status])).toEqual([
    ['intuned', 'start', 'http-status', 429],
    ['intuned', 'observe', 'cut', null],
  ]);
  // The site checks that no line has the key; this checks that there was a key to leak.
  expect(failures[0]?.reason).toBe('too many for [redacted]');
  expect(JSON.stringify(site.log)).not.toContain('pa55word');
});
