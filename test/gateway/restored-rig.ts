import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, vi } from 'vitest';
import type { AcpClient, RunAnswer } from './client.ts';
import { type Exit, RungateProcess } from './process.ts';
import { scraper, support, writeConfig } from './site.ts';
import { IntunedStandIn, RestackStandIn } from './stand-ins.ts';
import { asking, patience } from './storage-rig.ts';

/** How many runs the vendor takes at once; as many more wait. */
const atOnce = 3;

/** Counting vendors, and commands over databases that are copied, moved and put back. */
export class RestoreRig implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'rungate-restored-'));
  readonly file = join(this.folder, 'home', 'rungate.db');
  readonly intuned: IntunedStandIn;
  readonly restack: RestackStandIn;
  #configs = 0;

  constructor(intuned: IntunedStandIn, restack: RestackStandIn) {
    this.intuned = intuned;
    this.restack = restack;
  }

  static async open(): Promise<RestoreRig> {
    const rig = new RestoreRig(await IntunedStandIn.open(), await RestackStandIn.open());
    rig.intuned.plan = () => ({ status: 'started' });
    return rig;
  }

  /** A file in a folder of its own, which is made. */
  elsewhere(name: string): string {
    const file = join(this.folder, name, 'rungate.db');
    mkdirSync(dirname(file), { recursive: true });
    return file;
  }

  serve(database: string, store: object = {}): RungateProcess {
    return new RungateProcess(['serve', '--config', this.config(database, store), '--port', '0'], this.folder);
  }

  async command(name: string, database: string, ...words: readonly string[]): Promise<Exit> {
    return await new RungateProcess([name, '--config', this.config(database), ...words], this.folder).exit();
  }

  /** A config whose store is that file, or that URL. */
  config(database: string, store: object = {}): string {
    const { intuned, restack, folder } = this;
    const file = join(folder, `rungate-${++this.#configs}.yaml`);
    const url = /^\w+:/.test(database) ? database : `sqlite:${database}`;
    const sections = {
      pacing: { floorMs: 20, watchedCeilingMs: 50, ceilingMs: 100 },
      replicas: { heartbeatSeconds: 0.25, deadAfterSeconds: 1 },
      log: { level: 'info' },
      store: { url, ...store },
    };
    const agents = [
      { ...scraper, backend: 'intuned' },
      { ...support, mapping: { interrupt: 'output.interrupt' } },
    ];
    const text = JSON.parse(writeConfig({ intuned, restack, agents, sections }, folder));
    text.backends.intuned.maxConcurrentRuns = atOnce;
    writeFileSync(file, JSON.stringify(text));
    return file;
  }

  /** Three runs at the vendor, three queued behind them, and one whose payload waits to be sent again. */
  async makeLiveRuns(client: AcpClient): Promise<LiveRuns> {
    const { intuned, restack } = this;
    const all: RunAnswer[] = [];
    for (let n = 1; n <= 2 * atOnce; n += 1) all.push(await client.create(asking(`run ${n}`)));
    await intuned.counted('start', atOnce);
    for (const run of intuned.runs) await run.polled();
    restack.plan = () => ({ status: 'running', output: { interrupt: { interrupt_type: 'ask' } } });
    const resuming = await client.run({ agent_id: 'support' });
    restack.twist = (step) => (step === 'event' ? later : null);
    await client.resume(resuming.run_id, { ok: 1 });
    await restack.counted('event', 1);
    // The vendor's refusal is written, and the next attempt is seconds away.
    await vi.waitFor(() => expect(this.#phaseOf(resuming.run_id)).toBe('resuming'), patience);
    return { running: all.slice(0, atOnce), queued: all.slice(atOnce), resuming };
  }

  /** The original goes on until all have ended, and every one was sent to the vendor once. */
  async endAll(client: AcpClient, { running, queued, resuming }: LiveRuns): Promise<void> {
    const { intuned, restack } = this;
    intuned.plan = () => ({ status: 'completed', result: 'late' });
    for (const run of intuned.runs) run.say({ status: 'completed', result: 'done' });
    restack.twist = () => null;
    for (const run of [...running, ...queued]) await client.output(run.run_id);
    const [asked] = restack.runs;
    await asked?.gotEvent();
    asked?.say({ status: 'completed', output: { result: 1 } });
    await client.output(resuming.run_id);
  }

  /** Starts and payloads that the vendors were sent. */
  get sent(): { readonly starts: number; readonly payloads: number } {
    const payloads = this.restack.runs.reduce((sum, { events }) => sum + events.length, 0);
    return { starts: this.intuned.count('start') + this.restack.count('start'), payloads };
  }

  #phaseOf(runId: string): unknown {
    const database = new DatabaseSync(this.file, { readOnly: true });
    const row = database.prepare('SELECT phase FROM runs WHERE run_id = ?').get(runId);
    database.close();
    return row?.phase;
  }

  sql(text: string, database = this.file): void {
    const opened = new DatabaseSync(database);
    opened.exec(text);
    opened.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.intuned[Symbol.asyncDispose]();
    await this.restack[Symbol.asyncDispose]();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export type LiveRuns = {
  readonly running: readonly RunAnswer[];
  readonly queued: readonly RunAnswer[];
  readonly resuming: RunAnswer;
};

const later = (response: import('node:http').ServerResponse): void => {
  response.writeHead(503, { 'content-type': 'application/json', 'retry-after': '5' }).end('{"error":"later"}');
};

/** The files of a database as they are on the disk, log and fence included, to be written back into the same files. */
export function takeSnapshot(file: string): () => void {
  const endings = ['', '-wal', '.fence'].filter((ending) => existsSync(`${file}${ending}`));
  const contents = endings.map((ending) => [ending, readFileSync(`${file}${ending}`)] as const);
  return () => {
    rmSync(`${file}-shm`, { force: true });
    for (const [ending, content] of contents) writeFileSync(`${file}${ending}`, content);
  };
}

/** Copies a database with its log, but without its fence. */
export function copyDatabase(from: string, to: string): void {
  rmSync(`${to}-wal`, { force: true });
  rmSync(`${to}-shm`, { force: true });
  copyFileSync(from, to);
  if (existsSync(`${from}-wal`)) copyFileSync(`${from}-wal`, `${to}-wal`);
}
