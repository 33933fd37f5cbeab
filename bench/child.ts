import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** The kernel counts processor time in these, whatever the machine: USER_HZ is 100 on every Linux of today. */
const tickMs = 10;
const startWithinMs = 20_000;
const stopWithinMs = 15_000;

export type ChildOptions = {
  readonly command: string;
  readonly args: readonly string[];
  /** Seen in its output once it takes requests; left out, it is taken to be ready at once. */
  readonly ready?: RegExp;
  /** Left out: {@link startWithinMs}. */
  readonly readyWithinMs?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
};

/** A process that a signal ends runs nothing of its own, so the children are ended by an exit in its place. */
let endsBySignal = false;
function exitOnSignal(): void {
  if (endsBySignal) return;
  endsBySignal = true;
  for (const [name, number] of [
    ['SIGHUP', 1],
    ['SIGINT', 2],
    ['SIGTERM', 15],
  ] as const)
    process.once(name, () => process.exit(128 + number));
}

/** A process that is measured from outside, by what the kernel counts for it. */
export class Child {
  readonly #process: ChildProcess;
  readonly #ready: RegExp;
  readonly #readyWithinMs: number;
  #output = '';

  constructor({ command, args, ready = /^/, readyWithinMs = startWithinMs, env = {}, cwd }: ChildOptions) {
    this.#ready = ready;
    this.#readyWithinMs = readyWithinMs;
    this.#process = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env }, cwd });
    const keep = (chunk: Buffer): void => {
      this.#output = `${this.#output}${chunk}`.slice(-20_000);
    };
    this.#process.stdout?.on('data', keep);
    this.#process.stderr?.on('data', keep);
    // No server may outlive this process, however it ends.
    exitOnSignal();
    const end = (): void => void this.#process.kill('SIGKILL');
    process.once('exit', end);
    this.#process.once('exit', () => process.off('exit', end));
  }

  get pid(): number {
    const { pid } = this.#process;
    if (pid === undefined) throw new Error(`the process did not start: ${this.#output}`);
    return pid;
  }

  /** The end of what it has written. */
  get output(): string {
    return this.#output;
  }

  /** The match of the `ready` expression in its output. Rejects when the process ends before it. */
  async whenReady(): Promise<RegExpExecArray> {
    const deadlineMs = performance.now() + this.#readyWithinMs;
    for (;;) {
      const match = this.#ready.exec(this.#output);
      if (match !== null) return match;
      if (this.#process.exitCode !== null) throw new Error(`the process ended at once: ${this.#output}`);
      if (performance.now() > deadlineMs) throw new Error(`the process is not ready: ${this.#output}`);
      await sleep(20);
    }
  }

  /** Writes a line to its input; resolves with the match of what it answers with. */
  async ask(line: string, answer: RegExp): Promise<RegExpExecArray> {
    this.#output = '';
    this.#process.stdin?.write(`${line}\n`);
    for (;;) {
      const match = answer.exec(this.#output);
      if (match !== null) return match;
      if (this.#process.exitCode !== null) throw new Error(`the process ended: ${this.#output}`);
      await sleep(5);
    }
  }

  /** User and system time of all its threads since it started. */
  cpuMs(): number {
    return this.#usedMs('stat');
  }

  /** The same of its main thread, which is what limits a Node process where cores are free. */
  mainThreadMs(): number {
    return this.#usedMs(`task/${this.pid}/stat`);
  }

  #usedMs(file: string): number {
    const stat = readFileSync(`/proc/${this.pid}/${file}`, 'utf8');
    // The second field is the program's name, which may hold spaces and brackets.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * tickMs;
  }

  /** Resident memory now. */
  residentBytes(): number {
    const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))?.[1];
    return Number(kilobytes) * 1024;
  }

  signal(name: NodeJS.Signals): void {
    this.#process.kill(name);
  }

  /** Ends it as a power cut of its machine would. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = once(this.#process, 'exit');
    this.#process.kill(signal);
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), stopWithinMs);
    await exited;
    clearTimeout(timer);
  }
}

/** A TypeScript file of this checkout on the Node that runs the benchmark. */
export function startNode(options: {
  readonly file: string;
  readonly args?: readonly string[];
  readonly flags?: readonly string[];
  readonly ready?: RegExp;
}): Child {
  const { file, args = [], flags = [], ready } = options;
  return new Child({ command: process.execPath, args: [...flags, file, ...args], ...(ready && { ready }) });
}
