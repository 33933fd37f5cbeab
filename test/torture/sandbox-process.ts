import { Pool } from 'undici';
import { z } from 'zod';
import type { FaultOrder } from '../../src/sandbox/faults.ts';
import type { RunNote } from '../../src/sandbox/start-log.ts';
import type { Children } from './children.ts';

const patienceMs = 30_000;
const notes = z.array(
  z.object({
    vendor: z.enum(['intuned', 'restack']),
    runId: z.string(),
    startedAtMs: z.number(),
    endedAtMs: z.number().nullable(),
    status: z.string(),
    observes: z.number(),
  }),
);
const stats = z.object({ keysDropped: z.number() });
const url = z.string();
const urlsSchema = z.object({ intuned: url, restack: url, tagged: url, control: url, looks: url });
const looks = z.array(z.tuple([z.string(), z.number()]));
const counts = z.record(z.string(), z.number());

/** The vendor stand-ins in a process of their own, and what they counted. */
export class SandboxProcess {
  readonly intunedUrl: string;
  readonly restackUrl: string;
  readonly taggedUrl: string;
  readonly #control: Pool;
  readonly #looks: Pool;

  constructor(urls: z.infer<typeof urlsSchema>) {
    this.intunedUrl = urls.intuned;
    this.restackUrl = urls.restack;
    this.taggedUrl = urls.tagged;
    this.#control = new Pool(new URL(urls.control).origin, { connections: 16, pipelining: 1 });
    this.#looks = new Pool(urls.looks, { connections: 2, pipelining: 1 });
  }

  static async start(children: Children): Promise<SandboxProcess> {
    const child = children.spawn('vendors', ['test/torture/vendors.ts']);
    const written = await child.writes('\n', patienceMs);
    if (written === null) throw new Error(`the sandbox did not start; it wrote:\n${child.lastLines(20)}`);
    return new SandboxProcess(urlsSchema.parse(JSON.parse(written)));
  }

  /** From now on a look at a run is the first one. */
  async mark(): Promise<void> {
    const { body } = await this.#looks.request({ method: 'POST', path: '/' });
    await body.dump();
  }

  /** When each of the vendors' runs was looked at first since the mark. */
  async firstLooks(): Promise<ReadonlyMap<string, number>> {
    const { body } = await this.#looks.request({ method: 'GET', path: '/' });
    return new Map(looks.parse(await body.json()));
  }

  /** What it knows of the runs that were started with a key. */
  async notes(key: string): Promise<readonly RunNote[]> {
    return notes.parse(await this.#get(`/control/runs/${key}`));
  }

  /** Keys that were started at least `atLeast` times, with their counts. */
  async keysStarted(atLeast: number): Promise<ReadonlyMap<string, number>> {
    return new Map(Object.entries(counts.parse(await this.#get(`/control/starts?atLeast=${atLeast}`))));
  }

  /** Keys that it had to forget: its counts are complete while it is 0. */
  async keysDropped(): Promise<number> {
    return stats.parse(await this.#get('/control/stats')).keysDropped;
  }

  async orderFault(order: FaultOrder): Promise<void> {
    const headers = { 'content-type': 'application/json' };
    const path = '/control/faults';
    const { statusCode, body } = await this.#control.request({
      method: 'POST',
      path,
      headers,
      body: JSON.stringify(order),
    });
    if (statusCode >= 300) throw new Error(`the sandbox answered ${statusCode} to a fault: ${await body.text()}`);
    await body.dump();
  }

  async close(): Promise<void> {
    await Promise.all([this.#control.destroy(), this.#looks.destroy()]);
  }

  async #get(path: string): Promise<unknown> {
    const { statusCode, body } = await this.#control.request({ method: 'GET', path });
    if (statusCode !== 200) throw new Error(`the sandbox answered ${statusCode} to ${path}: ${await body.text()}`);
    return await body.json();
  }
}
