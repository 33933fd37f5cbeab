import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Bell } from './bell.ts';
import { AcpClient, refuseSecrets } from './client.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
/** What Node compiled for one process, so that the second starts in half the time of the first. It outlives the tests. */
export const compileCache = fileURLToPath(new URL('../../node_modules/.cache/compiled', import.meta.url));

/** Ends the process when its parent is gone for any reason, because nothing may outlive its test. */
const watchdog = "data:text/javascript,process.stdin.on('end', () => process.exit(9)).resume().unref?.()";

export type Exit = { readonly code: number | null; readonly out: string; readonly err: string };

/** `rungate` as a process of its own. All its output is searched for secrets. */
export class RungateProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #bell = new Bell();
  readonly #exited: Promise<unknown>;
  #out = '';
  #err = '';
  #over = false;

  constructor(args: readonly string[], folder: string, env: Readonly<Record<string, string>> = {}) {
    this.#child = spawn(process.execPath, ['--import', watchdog, main, ...args], {
      cwd: folder,
      // Locks of databases are in the temporary folder.
      env: { PATH: process.env.PATH, TMPDIR: tmpdir(), NODE_COMPILE_CACHE: compileCache, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#exited = once(this.#child, 'close').then(() => {
      this.#over = true;
      this.#bell.ring();
    });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#out += text;
      this.#bell.ring();
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#err += text;
    });
  }

  /** A client of the URL that the process logs; rejects when the process ends first. */
  async client(): Promise<AcpClient> {
    const url = await this.said(/"url":"(http:[^"]+)"[^\n]*"rungate listens"/);
    return new AcpClient(url);
  }

  /** Resolves with the first group of the pattern once the output has it. */
  async said(pattern: RegExp): Promise<string> {
    return await this.#bell.until(() => {
      const found = pattern.exec(this.#out)?.[1];
      if (found === undefined && this.#over) throw new Error(`it ended: ${this.#out}${this.#err}`);
      return found;
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async exit(): Promise<Exit> {
    await this.#exited;
    refuseSecrets(this.#out + this.#err, 'the process');
    return { code: this.#child.exitCode, out: this.#out, err: this.#err };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill('SIGKILL');
    await this.exit();
  }
}
