import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

type Question = { readonly id: number; readonly command: string; readonly options: unknown };
type Answer = { readonly id: number; readonly value?: unknown; readonly error?: string };

/** All of them end with this process. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A process of the siege that answers commands. It ends with this one, whatever ends this one. */
export class Companion {
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #asked = 0;

  constructor(file: string) {
    this.#process = fork(fileURLToPath(new URL(file, import.meta.url)), {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      execArgv: [],
    });
    running.add(this.#process);
    this.#process.on('message', (answer: Answer) => {
      const waiting = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      if (answer.error === undefined) waiting?.resolve(answer.value);
      else waiting?.reject(new Error(answer.error));
    });
    this.#process.once('exit', () => {
      running.delete(this.#process);
      for (const waiting of this.#waiting.values()) waiting.reject(new Error(`${file} ended`));
      this.#waiting.clear();
    });
  }

  /** The answer to a command. Rejects when the command fails or the process ends. */
  async ask<T>(command: string, options: unknown = null): Promise<T> {
    const question: Question = { id: ++this.#asked, command, options };
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(question.id, waiting);
    this.#process.send(question);
    return (await waiting.promise) as T;
  }

  async end(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await exited;
  }
}

export type Commands = Readonly<Record<string, (options: never) => unknown>>;

/** The other side: answers the commands of the siege until that is gone. */
export function answerCommands(commands: Commands): void {
  process.on('disconnect', () => process.exit());
  process.on('message', async ({ id, command, options }: Question) => {
    try {
      const value = await commands[command]?.(options as never);
      process.send?.({ id, value });
    } catch (error) {
      process.send?.({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  });
}
