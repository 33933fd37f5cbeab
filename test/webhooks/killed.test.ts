import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, describe, expect, test } from 'vitest';
import { PostgresServer, startPostgres } from '../store/postgres-server.ts';
import { Receiver, verify } from './receiver.ts';

const runs = 120;
const folder = mkdtempSync(join(tmpdir(), 'rungate-webhooks-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('SQLite', () => {
  test('a gateway on SQLite that is killed loses no delivery', { timeout: 60_000 }, async () => {
    const url = `sqlite:${join(folder, 'runs.db')}`;
    await using receiver = await Receiver.open();
    await using first = new Writer(url, receiver.url, runs);
    await killMidway(first, receiver);
    await using _second = new Writer(url, receiver.url, 0);
    await expectAll(first.accepted, receiver);
  });
});

const started = await startPostgres();
if (started instanceof PostgresServer) {
  afterAll(async () => await started.destroy());
  test('on PostgreSQL the other replicas send what a killed replica owed', { timeout: 60_000 }, async () => {
    const url = await started.createDatabase();
    await using receiver = await Receiver.open();
    await using first = new Writer(url, receiver.url, runs);
    await using second = new Writer(url, receiver.url, runs);
    await killMidway(first, receiver);
    await second.said(runs);
    await expectAll([...first.accepted, ...second.accepted], receiver);
  });
} else {
  describe.skip(`PostgreSQL: ${started.unavailable}`, () => {
    test('every test of it', () => expect(started).toBeInstanceOf(PostgresServer));
  });
}

/** Kills a writer while runs are made, and deliveries are under way that are never answered. */
async function killMidway(writer: Writer, receiver: Receiver): Promise<void> {
  receiver.plan = (_, count) => (count % 3 === 0 ? null : count % 5 === 0 ? 500 : 204);
  await receiver.count(20);
  await writer.said(20);
  await writer.kill();
  receiver.plan = () => 204;
}

/** Every accepted run is reported to its end, and every delivery verifies with the library. */
async function expectAll(accepted: readonly string[], receiver: Receiver): Promise<void> {
  const ends = new Set(['success', 'error']);
  const taken = () => receiver.received.filter((each) => each.answered() === 204 && ends.has(String(each.body.status)));
  const reported = () => new Set(taken().map(idOf));
  await receiver.until(() => {
    const ids = reported();
    return accepted.every((id) => ids.has(id));
  });
  for (const received of receiver.received) verify(received);
}

function idOf({ body }: { readonly body: { readonly run_id?: unknown } }): string {
  return String(body.run_id);
}

/** An engine in a process of its own, which makes runs. */
class Writer implements AsyncDisposable {
  readonly accepted: string[] = [];
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #reading: Promise<void>;
  #onLine: () => void = () => {};

  constructor(url: string, receiver: string, count: number) {
    const script = join(import.meta.dirname, 'writer.ts');
    const child = spawn(process.execPath, [script, url, receiver, String(count)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#child = child;
    this.#exited = once(child, 'exit');
    this.#reading = this.#read(createInterface({ input: child.stdout }));
  }

  async said(count: number): Promise<void> {
    while (this.accepted.length < count) {
      if (this.#child.exitCode !== null) throw new Error('the writer ended');
      await new Promise<void>((resolve) => {
        this.#onLine = resolve;
      });
    }
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
    await this.#reading;
  }

  async #read(lines: AsyncIterable<string>): Promise<void> {
    for await (const line of lines) {
      // The kill can cut the last line short.
      if (line.length === 36) this.accepted.push(line);
      this.#onLine();
    }
    this.#onLine();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
