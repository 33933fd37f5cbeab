import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { CuttingProxy } from './cutting-proxy.ts';
import { clients, LangGraphSite, type Part } from './langgraph-site.ts';

vi.setConfig({ testTimeout: 60_000 });

let site: LangGraphSite;
beforeAll(async () => {
  site = await LangGraphSite.open();
});
afterAll(async () => {
  await site[Symbol.asyncDispose]();
});

const versions = Object.keys(clients) as (keyof typeof clients)[];
const asking = { status: 'running', output: { ask: { question: 'sure?' } } };
const done = (n: number) => ({ status: 'completed', output: { n } });

type Join = {
  readonly lastEventId?: string;
  readonly streamMode?: readonly string[];
  readonly version?: keyof typeof clients;
  readonly apiUrl?: string;
};

/** A client's stream of a thread, part by part. */
class Joined {
  readonly #parts: AsyncIterator<Part>;
  readonly #left = new AbortController();
  #first: Promise<IteratorResult<Part>> | null;

  /** Resolves when the gateway has answered, so that nothing is missed of what begins then. */
  static async open(threadId: string, options: Join = {}): Promise<Joined> {
    const answered = Promise.withResolvers<void>();
    const joined = new Joined(threadId, options, answered.resolve);
    await Promise.race([answered.promise, joined.#first]);
    return joined;
  }

  /** Rejects with what the client raises. */
  static async refused(threadId: string, options: Join = {}): Promise<void> {
    const joined = await Joined.open(threadId, options);
    await joined.#next();
    joined.leave();
  }

  private constructor(
    threadId: string,
    { version = '1.15.0', apiUrl = site.url, ...options }: Join,
    onAnswer: () => void,
  ) {
    const reportingFetch: typeof fetch = async (...request) => {
      const answer = await fetch(...request);
      onAnswer();
      return answer;
    };
    const callerOptions = { maxRetries: 0, fetch: reportingFetch };
    const client = new clients[version]({ apiUrl, apiKey: null, callerOptions });
    const { signal } = this.#left;
    const parts = client.threads.joinStream(threadId, { ...options, signal } as never) as AsyncIterable<Part>;
    this.#parts = parts[Symbol.asyncIterator]();
    this.#first = this.#parts.next();
    this.#first.catch(() => {});
  }

  async #next(): Promise<IteratorResult<Part>> {
    const first = this.#first;
    this.#first = null;
    return await (first ?? this.#parts.next());
  }

  /** The parts up to the one that says so often that a run is done. */
  async takeRuns(count: number): Promise<readonly Part[]> {
    const parts: Part[] = [];
    for (let left = count; left > 0; ) {
      const part = await this.#next();
      if (part.done === true) throw new Error(`the stream ended after ${JSON.stringify(parts)}`);
      parts.push(part.value);
      if (isDone(part.value)) left -= 1;
    }
    return parts;
  }

  async takeAll(): Promise<readonly Part[]> {
    const parts: Part[] = [];
    for (let part = await this.#next(); part.done !== true; part = await this.#next()) parts.push(part.value);
    return parts;
  }

  async take(): Promise<Part | undefined> {
    return (await this.#next()).value;
  }

  leave(): void {
    this.#left.abort();
  }
}

function isDone({ event, data }: Part): boolean {
  return event === 'metadata' && (data as { status?: string }).status === 'run_done';
}

const shown = (parts: readonly Part[]) => parts.map(({ event, data }) => [event, data]);
const begun = (runId: string) => ['metadata', { run_id: runId, attempt: 1 }];
const over = (runId: string) => ['metadata', { status: 'run_done', run_id: runId }];

describe('the stream of a thread of LangGraph', () => {
  test.each(versions)('has the runs of the thread one after the other, those to come too (%s)', async (version) => {
    const threadId = await site.newThread();
    const joined = await Joined.open(threadId, { version });
    site.plan(done(1));
    const { runs } = site.client(version);
    const one = await runs.create(threadId, 'count', { input: { a: 1 } });
    const first = await joined.takeRuns(1);
    expect(shown(first)).toEqual([begun(one.run_id), ['values', { a: 1 }], ['values', { n: 1 }], over(one.run_id)]);
    site.plan(done(2));
    const two = await runs.create(threadId, 'count', { input: { b: 2 }, streamMode: ['updates', 'custom'] });
    const custom = (phase: string) => ['custom', { phase }];
    expect(shown(await joined.takeRuns(1))).toEqual([
      ...[begun(two.run_id), custom('running')],
      ...[['updates', { count: { n: 2 } }], over(two.run_id)],
    ]);
    joined.leave();
  });

  test('has a question, and goes on with the answer as a run that begins again', async () => {
    const threadId = await site.newThread();
    const joined = await Joined.open(threadId);
    site.plan(asking);
    const { runs } = site.client();
    const { run_id: runId } = await runs.create(threadId, 'talk', { input: { message: 'hi' } });
    const asked = await joined.takeRuns(1);
    expect(shown(asked).slice(0, 2)).toEqual([begun(runId), ['values', { message: 'hi' }]]);
    expect(asked.at(2)?.data).toMatchObject({ __interrupt__: [{ value: { question: 'sure?' } }] });
    expect(asked).toHaveLength(4);
    site.vendor.runs.at(-1)?.say({ status: 'completed', output: { reply: 'yes' } });
    await runs.create(threadId, 'talk', { command: { resume: { ok: true } } } as never);
    expect(shown(await joined.takeRuns(1))).toEqual([
      ...[begun(runId), ['values', { message: 'hi' }]],
      ...[['values', { reply: 'yes' }], over(runId)],
    ]);
    joined.leave();
  });

  test('is silent about a run that waits, and says only that it is done where it was cancelled before its turn', async () => {
    const threadId = await site.newThread();
    const joined = await Joined.open(threadId);
    site.plan({ status: 'running' });
    const started = site.nextStart();
    const { runs } = site.client();
    const one = await runs.create(threadId, 'count', { input: { a: 1 } });
    const [two, three] = [
      await runs.create(threadId, 'count', { input: { b: 2 } }),
      await runs.create(threadId, 'count', { input: { c: 3 } }),
    ];
    const upstream = await started;
    await upstream.polled();
    await runs.cancel(threadId, two.run_id, true);
    expect(shown(await joined.takeRuns(1))).toEqual([begun(one.run_id), ['values', { a: 1 }], over(two.run_id)]);
    site.plan(done(3));
    upstream.say(done(1));
    expect(shown(await joined.takeRuns(2))).toEqual([
      ...[['values', { n: 1 }], over(one.run_id)],
      ...[begun(three.run_id), ['values', { n: 1, c: 3 }], ['values', { n: 3 }], over(three.run_id)],
    ]);
    joined.leave();
  });

  test('goes on after the last number that a reader has, wherever it was cut, and from the beginning with -1', async () => {
    const threadId = await site.newThread();
    const { runs } = site.client();
    for (const n of [1, 2]) {
      site.plan(done(n));
      await runs.wait(threadId, 'count', { input: { n }, streamMode: ['values', 'updates', 'custom'] } as never);
    }
    const from = async (lastEventId: string, count: number): Promise<readonly Part[]> => {
      const joined = await Joined.open(threadId, { lastEventId });
      const parts = await joined.takeRuns(count);
      joined.leave();
      return parts;
    };
    const whole = await from('-1', 2);
    expect(whole.filter(isDone)).toHaveLength(2);
    expect(shown(whole).filter(([event]) => event === 'values')).toEqual([
      ...[
        ['values', { n: 1 }],
        ['values', { n: 1 }],
      ],
      ...[
        ['values', { n: 2 }],
        ['values', { n: 2 }],
      ],
    ]);
    const ids = whole.map(({ id }) => Number(id));
    expect(ids).toEqual([...new Set(ids)].toSorted((a, b) => a - b));
    for (const [at, { id = '' }] of whole.slice(0, -1).entries()) {
      const rest = whole.slice(at + 1);
      expect(await from(id, rest.filter(isDone).length)).toEqual(rest);
    }
  });

  test('goes on by itself where its client is cut off', async () => {
    await using proxy = await CuttingProxy.open(site.root);
    const threadId = await site.newThread();
    const joined = await Joined.open(threadId, { apiUrl: `${proxy.url}/langgraph` });
    site.plan(done(1));
    const { runs } = site.client();
    const one = await runs.create(threadId, 'count', { input: { a: 1 } });
    expect(shown(await joined.takeRuns(1)).at(-1)).toEqual(over(one.run_id));
    proxy.cut();
    const two = await runs.create(threadId, 'count', { input: { b: 2 } });
    expect(shown(await joined.takeRuns(1))).toEqual([
      ...[begun(two.run_id), ['values', { n: 1, b: 2 }]],
      ...[['values', { n: 1 }], over(two.run_id)],
    ]);
    joined.leave();
  });

  test('has beginnings and ends alone with lifecycle, and what clients write with state_update', async () => {
    const threadId = await site.newThread();
    const { runs, threads } = site.client();
    site.plan(done(1));
    const lives = await Joined.open(threadId, { streamMode: ['lifecycle'] });
    const states = await Joined.open(threadId, { streamMode: ['state_update'] });
    const { run_id: runId } = await runs.create(threadId, 'count', { input: { a: 1 } });
    expect(shown(await lives.takeRuns(1))).toEqual([begun(runId), over(runId)]);
    lives.leave();
    for (const color of ['red', 'blue']) {
      const { checkpoint } = (await threads.updateState(threadId, { values: { color } })) as never as Written;
      const { event, data } = (await states.take()) ?? {};
      expect([event, data]).toEqual([
        'state_update',
        { thread_id: threadId, state: expect.objectContaining({ checkpoint, values: { n: 1, color } }) },
      ]);
    }
    states.leave();
  });

  test('ends with its thread, is 404 without one, and 422 for a mode that there is not', async () => {
    const threadId = await site.newThread();
    const joined = await Joined.open(threadId);
    site.plan(done(1));
    const { threads, runs } = site.client();
    await runs.create(threadId, 'count', { input: {} });
    await joined.takeRuns(1);
    await threads.delete(threadId);
    expect(await joined.takeAll()).toEqual([]);
    await expect(Joined.refused(threadId)).rejects.toThrow(/404/);
    await expect(Joined.refused(threadId, { streamMode: ['values'] })).rejects.toThrow(/422/);
  });
});

type Written = { readonly checkpoint: object };
