import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { memorySettings } from '../../src/cli/memory-settings.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const clock = new URL('steppable-clock.ts', import.meta.url).href;
const turnMeter = new URL('turn-meter.ts', import.meta.url).href;
const bootPatienceMs = 60_000;

/** A gateway as `rungate serve` makes it, whose wall clock can be stepped and whose memory is watched. */
export class GatewayChild {
  readonly url: string;
  readonly logFile: string;
  readonly clockFile: string;
  readonly #process: ChildProcess;
  readonly #onExit: () => void;

  private constructor(child: ChildProcess, place: { url: string; logFile: string; clockFile: string }) {
    this.#process = child;
    this.url = place.url;
    this.logFile = place.logFile;
    this.clockFile = place.clockFile;
    this.#onExit = () => void child.kill('SIGKILL');
    process.once('exit', this.#onExit);
  }

  /**
   * Resolves when it listens; rejects when it ends before.
   *
   * @param options.config JSON, which is YAML.
   * @param options.imports modules to load before its own code.
   */
  static async start(
    name: string,
    folder: string,
    { config, imports = [] }: { readonly config: unknown; readonly imports?: readonly string[] },
  ): Promise<GatewayChild> {
    const configFile = `${folder}/${name}.yaml`;
    const [logFile, clockFile] = [`${folder}/${name}.log`, `${folder}/${name}.clock`];
    writeFileSync(configFile, JSON.stringify(config));
    const log = openSync(logFile, 'w');
    const child = fork(main, ['serve', '--config', configFile, '--port', '0'], {
      cwd: folder,
      // With a channel to its parent, `serve` does not start anew with them.
      execArgv: [...memorySettings.execArgv, ...[clock, turnMeter, ...imports].flatMap((url) => ['--import', url])],
      env: { ...memorySettings.env, PATH: process.env.PATH, RUNGATE_SIEGE_CLOCK: clockFile },
      stdio: ['ignore', log, log, 'ipc'],
    });
    closeSync(log);
    const untilMs = performance.now() + bootPatienceMs;
    while (performance.now() < untilMs && child.exitCode === null) {
      const url = /"url":"(http:[^"]+)"[^\n]*"rungate listens"/.exec(readFileSync(logFile, 'utf8'))?.[1];
      if (url !== undefined) return new GatewayChild(child, { url, logFile, clockFile });
      await delay(20);
    }
    child.kill('SIGKILL');
    throw new Error(`the gateway did not start: ${readFileSync(logFile, 'utf8')}`);
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  get hasEnded(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  /** From now on the peak counts anew. */
  resetPeak(): void {
    try {
      writeFileSync(`/proc/${this.pid}/clear_refs`, '5');
    } catch {
      // Where the kernel does not allow it, the peak is that of the whole siege, which is stricter.
    }
  }

  /** Peak of the resident memory since the last reset, in MiB; NaN where there is no /proc. */
  peakMb(): number {
    try {
      const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
      return Math.round(Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024);
    } catch {
      return Number.NaN;
    }
  }

  /** Processor time of the longest turn of its event loop since this was asked last; NaN where it has ended. */
  async longestTurnMs(): Promise<number> {
    if (this.hasEnded || !this.#process.connected) return Number.NaN;
    const over = new AbortController();
    const { signal } = over;
    const said = once(this.#process, 'message', { signal }) as Promise<[{ readonly longestMs: number }]>;
    const ended = once(this.#process, 'exit', { signal }).then(() => null);
    this.#process.send('turns');
    const answer = await Promise.race([said, ended]);
    over.abort();
    await Promise.allSettled([said, ended]);
    return answer?.[0].longestMs ?? Number.NaN;
  }

  async end(): Promise<void> {
    process.off('exit', this.#onExit);
    if (this.hasEnded) return;
    const exited = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await exited;
  }
}
