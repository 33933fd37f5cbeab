import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { python } from './intuned-python.ts';

/** What the typed models of the client read, or what it raised. */
export type Told = {
  readonly value?: Json;
  readonly raised?: string;
  readonly status?: number | null;
  readonly body?: Json;
};

/** The published client in a process of its own; commands are carried out one after the other. */
export class IntunedClient implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #closed: Promise<unknown>;

  constructor(baseUrl: string, workspaceId: string, apiKey: string) {
    const script = join(import.meta.dirname, 'intuned-calls.py');
    this.#child = spawn(python, [script, baseUrl, workspaceId, apiKey], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#closed = once(this.#child, 'close');
    const { stdout } = this.#child;
    if (stdout === null) throw new TypeError('the client has no output');
    this.#lines = createInterface(stdout)[Symbol.asyncIterator]();
  }

  async call(name: string, args: JsonObject = {}, key?: string): Promise<Told> {
    const command = { call: name, with: args, ...(key === undefined ? {} : { key }) };
    this.#child.stdin?.write(`${JSON.stringify(command)}\n`);
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error(`the client ended during ${name}`);
    return JSON.parse(String(value)) as Told;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin?.end();
    await this.#closed;
  }
}
