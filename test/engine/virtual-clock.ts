import type { Clock } from '../../src/contract/domain/clock.ts';

type Timer = { readonly atMs: number; readonly callback: () => void };

/** Turns of the event loop that a chain of writes needs at most to come to rest; each group commit takes one. */
const settlingTurns = 40;

/** Kinds of resources that are there for as long as the test runs: Vitest's channel, timers of real time, and servers that are children. */
const lastingKinds = new Set(['PipeWrap', 'TTYWrap', 'Timeout', 'ProcessWrap']);

/** Requests stay in Node's list until their memory is collected, so only more of them than before say that one is under way. */
function isRequest(kind: string): boolean {
  return kind === 'FSReqPromise' || kind === 'CloseReq';
}

/** Whether only timers can move anything on: no turn is asked for, and no file, socket or thread is at work. */
function isAtRest(requestsBefore: number): boolean {
  const others = process.getActiveResourcesInfo().filter((kind) => !lastingKinds.has(kind));
  return others.length <= requestsBefore && others.every(isRequest);
}

/** Time that stands still until a test moves it. */
export class VirtualClock implements Clock {
  #nowMs = 0;
  #wallOffsetMs = Date.UTC(2026, 0, 1);
  readonly #timers = new Set<Timer>();

  nowMs(): number {
    return this.#nowMs + this.#wallOffsetMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  /** Steps the wall clock, as an operator or a time server does; no time passes. */
  stepWall(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  random(): number {
    return 0.5;
  }

  schedule(delayMs: number, callback: () => void): () => void {
    const timer = { atMs: this.#nowMs + Math.max(0, Math.ceil(delayMs)), callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  get timers(): number {
    return this.#timers.size;
  }

  /** Runs everything that is ready, without moving time. */
  async settle(): Promise<void> {
    const before = process.getActiveResourcesInfo().filter(isRequest).length;
    for (let turn = 0; turn < settlingTurns; turn += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      if (turn > 0 && isAtRest(before)) return;
    }
  }

  /** Moves time on timer by timer, with the consequences of each before the next. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.#nowMs + byMs;
    await this.settle();
    for (;;) {
      const next = [...this.#timers].sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined || next.atMs > untilMs) break;
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.callback();
      await this.settle();
    }
    this.#nowMs = untilMs;
  }

  /** The same time for a process that can be killed: its timers die with it. */
  mortal(): { readonly clock: Clock; kill(): void } {
    let dead = false;
    const clock: Clock = {
      nowMs: () => this.nowMs(),
      monotonicMs: () => this.monotonicMs(),
      random: () => this.random(),
      schedule: (delayMs, callback) => this.schedule(delayMs, () => !dead && callback()),
    };
    return {
      clock,
      kill: () => {
        dead = true;
      },
    };
  }
}
