import { z } from 'zod';
import type { Child, Children } from './children.ts';
import { GatewayClient } from './front.ts';

const listening = z.looseObject({ url: z.string() });
const bootPatienceMs = 60_000;

/** A place in the replica set where one gateway process follows another. */
export class GatewayProcess {
  readonly name: string;
  readonly #children: Children;
  readonly #configFile: string;
  #child: Child | null = null;
  #client: GatewayClient | null = null;
  #incarnations = 0;
  #isPaused = false;
  /** Processes that ended without being killed, with their last output. */
  readonly diedAlone: string[] = [];
  /** From the start of each process to the line that says it listens. */
  readonly bootsMs: number[] = [];

  constructor(name: string, children: Children, configFile: string) {
    this.name = name;
    this.#children = children;
    this.#configFile = configFile;
  }

  /** Null while nothing listens; a paused process still listens, and its clients cannot tell. */
  get client(): GatewayClient | null {
    return this.#client;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  get isUp(): boolean {
    return this.#client !== null;
  }

  /** Resolves with true when it listens, with false when it was killed before. */
  async start(): Promise<boolean> {
    this.#incarnations += 1;
    const begunMs = performance.now();
    const args = ['test/torture/gateway.ts', 'serve', '--config', this.#configFile, '--port', '0'];
    const child = this.#children.spawn(`${this.name}-${this.#incarnations}`, args);
    this.#child = child;
    void child.exited.then(() => this.#noteExit(child));
    const written = await child.writes('rungate listens', bootPatienceMs);
    if (child.wasEnded) return false;
    if (written === null) throw new Error(`${this.name} did not start; it wrote:\n${child.lastLines(20)}`);
    this.bootsMs.push(performance.now() - begunMs);
    const line = written.split('\n').find((each) => each.includes('rungate listens')) ?? '';
    this.#client = new GatewayClient(listening.parse(JSON.parse(line)).url);
    return true;
  }

  /** Ends it as a power cut of its machine would. */
  async kill(): Promise<void> {
    // The signal first: its clients must not be gone before it is.
    const ending = this.#child?.end();
    this.#child = null;
    this.#client?.close();
    this.#client = null;
    await ending;
  }

  pause(): void {
    this.#isPaused = true;
    this.#child?.signal('SIGSTOP');
  }

  resume(): void {
    this.#isPaused = false;
    this.#child?.signal('SIGCONT');
  }

  #noteExit(child: Child): void {
    if (child.wasEnded) return;
    if (this.#client !== null) this.diedAlone.push(`${this.name}:\n${child.lastLines(20)}`);
    this.#child = null;
    this.#client?.close();
    this.#client = null;
  }
}
