import { gzipSync } from 'node:zlib';
import { describe, expect, test, vi } from 'vitest';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { type Answering, reply } from './manners.ts';
import { openSite, scraper, support } from './site.ts';
import { IntunedStandIn, RestackStandIn } from './stand-ins.ts';

vi.setConfig({ testTimeout: 60_000 });

const json = { 'content-type': 'application/json' };
const bytes = (body: Buffer, headers: Readonly<Record<string, string>> = json): Answering => {
  return (response) => void response.writeHead(200, headers).end(body);
};
const large = JSON.stringify({ status: 'completed', result: 'x'.repeat(9000) });
const latin = Buffer.from('{"status":"completed","result":"Jos\xe9"}', 'latin1');

/** What the vendor answers to every poll, the errcode of the end, its words, and the number of polls. */
const rows: readonly (readonly [string, Answering, number, RegExp, number])[] = [
  ['is too large', bytes(Buffer.from(large)), 1007, /"completed".*larger than 2000 bytes/, 1],
  [
    'is too large, with its length in the head',
    bytes(Buffer.from(large), { ...json, 'content-length': `${large.length}` }),
    1007,
    /"completed".*larger than 2000 bytes/,
    1,
  ],
  [
    'is too large once it is unpacked',
    bytes(gzipSync(large), { ...json, 'content-encoding': 'gzip' }),
    1007,
    /larger than 2000 bytes/,
    3,
  ],
  [
    'is too large, and says its status at the end',
    bytes(Buffer.from(JSON.stringify({ result: 'x'.repeat(100_000), status: 'completed' }))),
    1007,
    /larger than 2000 bytes/,
    3,
  ],
  ['has bytes that are no text', bytes(latin), 1006, /"completed".*not UTF-8/, 1],
  ['is no JSON', reply(200, 'completed'), 1006, /not JSON/, 3],
  ['is half a JSON', bytes(Buffer.from('{"status":"completed","res')), 1006, /not JSON/, 3],
  ['is a page', reply(200, '<html>OK</html>', { 'content-type': 'text/html' }), 1006, /not JSON/, 3],
  ['has no status', reply(200, { result: 1 }), 1006, /expected shape \(status\)/, 3],
  ['is a list', reply(200, [{ status: 'completed' }]), 1006, /expected shape/, 3],
  ['is empty', reply(200, ''), 1006, /empty/, 3],
  ['is packed as it says it is not', bytes(latin, { ...json, 'content-encoding': 'gzip' }), 1006, /gzip.*broken/, 3],
  ['is packed in an unknown way', bytes(latin, { ...json, 'content-encoding': 'lzma' }), 1006, /content encoding/, 3],
  ['has an unknown charset', bytes(latin, { 'content-type': 'application/json; charset=x' }), 1006, /charset/, 1],
  ['is refused with 401', reply(401, { message: 'bad key' }), 1008, /401.*: bad key$/, 0],
  ['is refused with 403', reply(403, { error: 'forbidden' }), 1008, /403.*: forbidden$/, 0],
];

async function openBoth(agent: JsonObject, sections: JsonObject = {}) {
  const [intuned, restack] = [await IntunedStandIn.open(), await RestackStandIn.open()];
  const agents = [
    { ...scraper, ...agent },
    { ...support, ...agent },
  ];
  const site = await openSite({ intuned, restack, agents, sections });
  const close = async () => {
    await site[Symbol.asyncDispose]();
    await intuned[Symbol.asyncDispose]();
    await restack[Symbol.asyncDispose]();
  };
  return { intuned, restack, site, client: site.client, [Symbol.asyncDispose]: close };
}

describe.concurrent('a run whose end cannot be read', () => {
  test.each(rows)(
    'a run whose every answer %s ends with the reason',
    async (_name, answering, errcode, says, polls) => {
      await using both = await openBoth({ unauthorisedAfterSeconds: 1 }, { limits: { maxAnswerBytes: 2000 } });
      for (const vendor of [both.intuned, both.restack]) {
        vendor.twist = (step) => (step === 'poll' ? answering : null);
        const agent = vendor === both.intuned ? 'price-scraper' : 'support';
        const output = await both.client.run({ agent_id: agent });
        expect(output).toMatchObject({ type: 'error', status: 'error', errcode });
        expect(output.description).toMatch(says);
        if (polls > 0) expect(vendor.count('poll')).toBe(polls);
        const ended = both.site.log.filter((line) => line.msg === 'run ended' && line.run_id === output.run_id);
        expect(ended).toMatchObject([{ level: 'warn', errcode, vendor_run_id: vendor.runs[0]?.id }]);
        expect(ended[0]?.reason).toBe(output.description);
      }
    },
  );
});

describe.concurrent('a run that its vendor never ends', () => {
  const ends: readonly (readonly [string, JsonObject, RegExp])[] = [
    ['a host that does not resolve', { baseUrl: 'http://no-such-host.invalid' }, /host name does not resolve$/],
    ['a port that nothing listens at', { baseUrl: 'http://127.0.0.1:1' }, /the vendor refused the connection$/],
  ];
  test.each(ends)('the timeout of a run at %s says why, in plain words', async (_name, backend, says) => {
    await using vendor = await IntunedStandIn.open();
    await using site = await openSite({ intuned: vendor, agents: [{ ...scraper, timeoutSeconds: 4 }], backend });
    const output = await site.client.run({ agent_id: 'price-scraper' });
    expect(output).toMatchObject({ type: 'error', status: 'timeout', errcode: 1001 });
    expect(output.description).toMatch(says);
    expect(output.description).not.toMatch(/invalid|127\.0|ENOTFOUND|ECONN/);
  });

  const statuses: readonly (readonly [string, RegExp])[] = [
    ['complete', /"complete", which is not in the status table of the mapping/],
    ['fail', /"fail", which is not in the status table of the mapping/],
    ['nonsense', /"nonsense", which is not in the status table of the mapping$/],
  ];
  test.each(statuses)('the timeout of a run with the status %s names it', async (status, says) => {
    await using both = await openBoth({ timeoutSeconds: 6 });
    for (const vendor of [both.intuned, both.restack]) vendor.plan = () => ({ status });
    for (const agent_id of ['price-scraper', 'support']) {
      const output = await both.client.run({ agent_id });
      expect(output).toMatchObject({ status: 'timeout', errcode: 1001 });
      expect(output.description).toMatch(says);
    }
    expect(both.site.log).toContainEqual(expect.objectContaining({ level: 'warn', vendor_status: status }));
  });
});

test.concurrent('readiness says that a backend is unauthorised, since when, and how many runs that affects', async () => {
  await using both = await openBoth({});
  let answering: Answering | null = reply(401, { message: 'bad key' });
  both.intuned.twist = (step) => (step === 'poll' ? answering : null);
  const openedMs = Date.now();
  const runs = await Promise.all([1, 2, 3].map(() => both.client.create({ agent_id: 'price-scraper' })));
  const states = async () =>
    ((await both.client.ask('GET', '/health/ready')).body as JsonObject).backends as JsonObject;
  await vi.waitFor(
    async () =>
      expect(await states()).toMatchObject({
        intuned: { state: 'unauthorised', runs: 3 },
        restack: { state: 'ok', runs: 0 },
      }),
    20_000,
  );
  const { since } = (await states()).intuned as { readonly since: string };
  expect(Date.parse(since)).toBeGreaterThanOrEqual(openedMs);
  expect(Date.parse(since)).toBeLessThanOrEqual(Date.now());
  answering = null;
  both.intuned.plan = () => ({ status: 'completed', result: 1 });
  for (const run of both.intuned.runs) run.say({ status: 'completed', result: 1 });
  for (const { run_id } of runs) expect((await both.client.output(run_id)).result).toBe(1);
  await vi.waitFor(async () => expect(await states()).toMatchObject({ intuned: { state: 'ok', runs: 0 } }), 20_000);
  const said = both.site.log.filter(({ msg }) => msg === 'backend state changed');
  expect(said).toMatchObject([
    { level: 'warn', backend: 'intuned', state: 'unauthorised', before: 'ok' },
    { level: 'info', backend: 'intuned', state: 'ok', before: 'unauthorised' },
  ]);
});

test.concurrent('a second outage of a kind is logged like the first one', async () => {
  await using both = await openBoth({});
  const { run_id } = await both.client.create({ agent_id: 'price-scraper' });
  const upstream = await both.intuned.nextRun();
  const outages = () => both.site.log.filter(({ msg, level }) => msg === 'vendor call failed' && level === 'warn');
  for (const count of [1, 2, 3]) {
    both.intuned.surprise('poll', reply(500, { message: 'down' }), reply(500, { message: 'down' }));
    await vi.waitFor(() => expect(outages()).toHaveLength(count), 20_000);
    await upstream.polled(2);
  }
  expect(outages()).toMatchObject([{ reason: 'down' }, { suppressed: 1 }, { suppressed: 1 }]);
  upstream.say({ status: 'completed', result: 1 });
  expect((await both.client.output(run_id)).result).toBe(1);
});
