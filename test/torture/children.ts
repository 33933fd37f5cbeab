import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const root = resolve(import.meta.dirname, '../..');
const lookEveryMs = 15;

/** The processes that the torture started: they end with it at the latest, and it ends no others. */
export class Children {
  readonly #folder: string;
  readonly #session = new Set<Child>();
  readonly #onExit = (): void => {
    for (const child of this.#session) child.signal('SIGKILL');
  };

  constructor(folder: string) {
    this.#folder = folder;
    process.once('exit', this.#onExit);
  }

  /** Starts a program of the checkout; what it writes goes to a file of that name. */
  spawn(name: string, args: readonly string[]): Child {
    const child = new Child(join(this.#folder, `${name}.log`), args);
    this.#session.add(child);
    void child.exited.then(() => this.#session.delete(child));
    return child;
  }

  async endAll(): Promise<void> {
    const ending = [...this.#session].map((child) => child.end());
    await Promise.all(ending);
    process.off('exit', this.#onExit);
  }
}

/** One process. Its output is a file, not a pipe, so that a busy reader never holds the writer up. */
export class Child {
  readonly exited: Promise<void>;
  readonly #logFile: string;
  readonly #process: ChildProcess;
  #hasExited = false;
  #wasEnded = false;

  constructor(logFile: string, args: readonly string[]) {
    this.#logFile = logFile;
    const output = openSync(logFile, 'w');
    try {
      this.#process = spawn(process.execPath, args, {
        cwd: root,
        stdio: ['ignore', output, output],
      });
    } finally {
      closeSync(output);
    }
    this.exited = once(this.#process, 'exit').then(() => {
      this.#hasExited = true;
    });
  }

  get hasExited(): boolean {
    return this.#hasExited;
  }

  /** Whether its end was our doing. */
  get wasEnded(): boolean {
    return this.#wasEnded;
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  async end(): Promise<void> {
    this.#wasEnded = true;
    this.signal('SIGKILL');
    await this.exited;
  }

  /** All that it has written, once the text is part of it; null when it ended before. */
  async writes(text: string, patienceMs: number): Promise<string | null> {
    const untilMs = performance.now() + patienceMs;
    while (performance.now() < untilMs) {
      const written = readFileSync(this.#logFile, 'utf8');
      if (written.includes(text)) return written;
      if (this.#hasExited) return null;
      await sleep(lookEveryMs);
    }
    throw new Error(`no "${text}" within ${patienceMs} ms; it wrote:\n${this.lastLines(20)}`);
  }

  lastLines(count: number): string {
    return readFileSync(this.#logFile, 'utf8').trimEnd().split('\n').slice(-count).join('\n');
  }
}
