import { get, type IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { Bell } from './bell.ts';
import { ask, stringIn } from './protocols.ts';
import { openSite, type Site, scraper } from './site.ts';
import { IntunedStandIn } from './stand-ins.ts';

type Frame = { readonly id: number; readonly event: string; readonly data: JsonObject };

/** Reads one stream in whatever words it comes. */
class Reader {
  readonly frames: Frame[] = [];
  readonly #response: IncomingMessage;
  readonly #bell = new Bell();
  over = false;
  #rest = '';

  static open(url: string, lastEventId?: number): Promise<Reader> {
    const headers = lastEventId === undefined ? {} : { 'last-event-id': String(lastEventId) };
    return new Promise((resolve, reject) => {
      get(url, { agent: false, headers }, (response) => resolve(new Reader(response))).once('error', reject);
    });
  }

  constructor(response: IncomingMessage) {
    this.#response = response;
    response.setEncoding('utf8');
    response.on('error', () => {});
    response.on('data', (text: string) => {
      const parts = `${this.#rest}${text}`.replaceAll(/^:\n/gm, '').split('\n\n');
      this.#rest = parts.pop() ?? '';
      for (const part of parts) this.frames.push(readFrame(part));
      this.#bell.ring();
    });
    response.on('close', () => {
      this.over = true;
      this.#bell.ring();
    });
  }

  async has(count: number): Promise<readonly Frame[]> {
    return await this.#bell.until(() => this.frames.length >= count && this.frames);
  }

  async end(): Promise<readonly Frame[]> {
    await this.#bell.until(() => this.over);
    return this.frames;
  }

  leave(): void {
    this.#response.destroy();
  }
}

function readFrame(text: string): Frame {
  const {
    id = '',
    event = '',
    data = '',
  } = Object.fromEntries(
    text.split('\n').map((line) => [line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2)]),
  );
  return { id: Number(id), event, data: JSON.parse(data) as JsonObject };
}

const prefixes = { v01: '/acp/v0.1', v02: '/acp/v0.2', protocol: '/agent-protocol' } as const;
type Name = keyof typeof prefixes;

function streamOf(site: Site, name: Name, runId: string, lastEventId?: number): Promise<Reader> {
  return Reader.open(`${site.client.url}${prefixes[name]}/runs/${runId}/stream`, lastEventId);
}

/** How each says the partial output of the same event, and the result. */
const saysHalf: Readonly<Record<Name, (runId: string) => Partial<Frame>>> = {
  v01: (run_id) => ({ event: 'agent_event', data: { type: 'result', run_id, status: 'pending', result: { half: 1 } } }),
  v02: (run_id) => ({ event: 'agent_event', data: { type: 'values', run_id, status: 'pending', values: { half: 1 } } }),
  protocol: () => ({ event: 'values', data: { half: 1 } }),
};
const saysWhole: typeof saysHalf = {
  v01: (run_id) => ({
    event: 'agent_event',
    data: { type: 'result', run_id, status: 'success', result: { whole: 2 } },
  }),
  v02: (run_id) => ({
    event: 'agent_event',
    data: { type: 'values', run_id, status: 'success', values: { whole: 2 } },
  }),
  protocol: () => ({ event: 'values', data: { whole: 2 } }),
};
const names = Object.keys(prefixes) as readonly Name[];

async function openRig() {
  const intuned = await IntunedStandIn.open();
  const site = await openSite({ intuned, agents: [scraper] });
  const { body } = await ask(site.client.url, 'POST', '/acp/v0.2/runs', { agent_id: 'price-scraper', input: { a: 1 } });
  return {
    site,
    intuned,
    runId: stringIn(body, 'run_id'),
    run: await intuned.nextRun(),
    [Symbol.asyncDispose]: async () => {
      await site[Symbol.asyncDispose]();
      await intuned[Symbol.asyncDispose]();
    },
  };
}

const isHalf = ({ data }: Frame): boolean => JSON.stringify(data).includes('"half":1');

/** The partial output as this reader got it, once it did. */
async function halfIn(reader: Reader): Promise<Frame> {
  for (let count = 1; ; count += 1) {
    const found = (await reader.has(count)).find(isHalf);
    if (found !== undefined) return found;
  }
}

test('one run is streamed in three protocols at once, in the format of each', async () => {
  await using rig = await openRig();
  const { site, runId, run } = rig;
  const readers = await Promise.all(names.map((name) => streamOf(site, name, runId)));
  run.say({ status: 'started', result: { half: 1 } });
  const halves = await Promise.all(readers.map(halfIn));
  run.say({ status: 'completed', result: { whole: 2 } });
  const streams = await Promise.all(readers.map((reader) => reader.end()));
  for (const [at, name] of names.entries()) {
    expect(halves[at]).toMatchObject(saysHalf[name](runId));
    const frames = streams[at] ?? [];
    expect(frames.at(-1)).toMatchObject(saysWhole[name](runId));
    // One numbering for all: an id means the same event in every protocol.
    expect(halves[at]?.id).toBe(halves[0]?.id);
    expect(frames.at(-1)?.id).toBe(streams[0]?.at(-1)?.id);
    const ids = frames.map(({ id }) => id);
    expect(ids).toEqual([...new Set(ids)].toSorted((a, b) => a - b));
    expect(frames.filter(isHalf)).toHaveLength(1);
  }
});

test.each(names.flatMap((from) => names.filter((to) => to !== from).map((to) => [from, to] as const)))(
  'a stream that was cut in %s continues in %s after the last event read',
  async (from, to) => {
    await using rig = await openRig();
    const { site, runId, run } = rig;
    run.say({ status: 'started', result: { half: 1 } });
    const before = await streamOf(site, from, runId);
    const { id } = await halfIn(before);
    before.leave();
    run.say({ status: 'completed', result: { whole: 2 } });
    const frames = await (await streamOf(site, to, runId, id)).end();
    expect(frames).toEqual([{ id: id + 1, ...saysWhole[to](runId) }]);
  },
);

test.each(['/acp/v0.2', '/agent-protocol'])(
  'a repeated creation under %s is marked as a repetition',
  async (prefix) => {
    await using rig = await openRig();
    const { site, intuned } = rig;
    intuned.plan = () => ({ status: 'completed', result: { whole: 2 } });
    const creation = { agent_id: 'price-scraper', input: { a: 1 }, on_disconnect: 'continue' };
    for (const [at, operation] of ['/runs', '/runs/wait', '/runs/stream'].entries()) {
      const headers = { 'idempotency-key': `key-${at}` };
      const tell = async () => await ask(site.client.url, 'POST', `${prefix}${operation}`, creation, headers);
      const [first, again] = [await tell(), await tell()];
      expect([first.status, again.status]).toEqual([200, 200]);
      expect(first.headers.get('idempotent-replayed')).toBeNull();
      expect(again.headers.get('idempotent-replayed')).toBe('true');
      expect(again.headers.get('content-location')).toBe(first.headers.get('content-location'));
      if (operation === '/runs/wait') expect(again.body).toEqual(first.body as Json);
      if (operation === '/runs/stream') expect(again.body).toBe(first.body);
    }
    expect(intuned.runs).toHaveLength(4);
  },
);
