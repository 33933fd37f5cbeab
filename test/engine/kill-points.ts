import type { Store } from '../../src/contract/store/store.ts';

/** Calls that a process makes for itself, not for a run. */
const unattributed: readonly (string | symbol)[] = ['beat', 'claim', 'owned', 'release', 'expire', 'ping', 'close'];

/** Counts the places where a process may die, and has it die at one of them: what it waits for there never comes. */
export class KillPoints {
  /** The places that were passed, in their order. */
  readonly passed: string[] = [];
  readonly #killAt: number;
  readonly #killed = Promise.withResolvers<void>();
  #isArmed = false;

  /** `killAt`: how many places are passed before. */
  constructor(killAt: number) {
    this.#killAt = killAt;
  }

  arm(): void {
    this.#isArmed = true;
  }

  /** From here on another process goes on, which lives. */
  disarm(): void {
    this.#isArmed = false;
  }

  get hasKilled(): boolean {
    return this.passed.length > this.#killAt;
  }

  /** Where it died. */
  get where(): string {
    return this.passed[this.#killAt] ?? 'nowhere';
  }

  async pass(place: string): Promise<void> {
    if (!this.#isArmed) return;
    this.passed.push(place);
    // Whatever the process does besides dies with it.
    if (this.hasKilled) await this.#killed.promise;
  }

  /** The process may die before each call of the store and after it, with the call carried out. */
  around(store: Store): Store {
    return this.#wrap(store, '');
  }

  #wrap<T extends object>(target: T, prefix: string): T {
    return new Proxy(target, {
      get: (object, name) => {
        const value: unknown = Reflect.get(object, name, object);
        if (name === 'threads' || name === 'schedules') return this.#wrap(value as object, `${name}.`);
        if (typeof value !== 'function') return value;
        const call = value.bind(object) as (...args: unknown[]) => unknown;
        if (unattributed.includes(name) || !/^(insert|update|remove|find|acquire|begin|decide)/.test(String(name)))
          return call;
        return async (...args: unknown[]) => {
          await this.pass(`before ${prefix}${String(name)}`);
          const result = await call(...args);
          await this.pass(`after ${prefix}${String(name)}`);
          return result;
        };
      },
    });
  }
}
