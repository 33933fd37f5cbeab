import { isDeepStrictEqual } from 'node:util';
import type { ReloadRecord } from '../contract/api/admin-reports.ts';
import type { Log } from '../contract/domain/log.ts';
import { boundText } from '../json/bound-text.ts';
import type { Config } from './config.ts';
import { ConfigError, formatProblems } from './config-error.ts';

/** What became of a reload. */
export type ReloadResult = {
  /** `unchanged`: the files say what is in force. `refused`: it stays in force, for the reasons in `problems`. */
  readonly kind: 'applied' | 'unchanged' | 'refused';
  /** Of the config in force. */
  readonly hash: string;
  readonly problems: readonly string[];
};

export type ReloaderDeps = {
  /** Reads the config and its files anew. Throws `ConfigError`. */
  readonly load: () => Promise<Config>;
  /** Puts a config into force. Throws where that cannot be; then the one before still is. */
  readonly apply: (next: Config) => void;
  readonly log: Log;
};

/** When a config was read last, and whether it was taken. */
export type LastReload = {
  readonly atMs: number;
  readonly isTaken: boolean;
  /** Why it was not. */
  readonly problems: readonly string[];
};

/** Records that are kept, and what is kept of the problems of one. */
const maxHistory = 50;
const maxProblems = 20;
const maxProblemLength = 2000;

/** Puts a changed config into force while the gateway runs. */
export class Reloader {
  readonly #deps: ReloaderDeps;
  #config: Config;
  #inForceSinceMs = Date.now();
  #last: LastReload = { atMs: Date.now(), isTaken: true, problems: [] };
  /** Newest first. */
  #history: readonly ReloadRecord[];
  #newest: Promise<unknown> = Promise.resolve();
  /** A reload that has not begun to read, and what asks for it. */
  #waiting: { readonly causes: Set<string>; readonly result: Promise<ReloadResult> } | null = null;

  constructor(deps: ReloaderDeps, config: Config) {
    this.#deps = deps;
    this.#config = config;
    const { hash } = config;
    const start = { atMs: Date.now(), times: 1, cause: 'the start of the process' };
    this.#history = [{ ...start, outcome: 'started', hashBefore: null, hash, problems: [] }];
  }

  /** The config in force. */
  get config(): Config {
    return this.#config;
  }

  get inForceSinceMs(): number {
    return this.#inForceSinceMs;
  }

  get last(): LastReload {
    return this.#last;
  }

  /** What became of reloads since the process started, newest first; at most 50 are kept. */
  get history(): readonly ReloadRecord[] {
    return this.#history;
  }

  /** Reads and applies the config, one at a time. One that waits reads what all who ask for it have changed. Never rejects. */
  reload(cause: string): Promise<ReloadResult> {
    if (this.#waiting !== null) {
      this.#waiting.causes.add(cause);
      return this.#waiting.result;
    }
    const causes = new Set([cause]);
    const result = this.#newest.then(async () => {
      this.#waiting = null;
      const all = [...causes].join(', ');
      const before = this.#config.hash;
      const done = await this.#reload(all);
      this.#note(all, before, done);
      return done;
    });
    this.#waiting = { causes, result };
    this.#newest = result;
    return result;
  }

  async #reload(cause: string): Promise<ReloadResult> {
    const { load, apply, log } = this.#deps;
    const before = this.#config;
    try {
      const next = await load();
      if (next.fingerprint === before.fingerprint) {
        this.#last = { atMs: Date.now(), isTaken: true, problems: [] };
        return { kind: 'unchanged', hash: before.hash, problems: [] };
      }
      const fixed = fixedKeys(before, next);
      if (fixed.length > 0) {
        return this.#refuse(
          cause,
          fixed.map((key) => `${key} cannot change while the gateway runs: restart it`),
        );
      }
      apply(next);
      this.#config = next;
      this.#inForceSinceMs = Date.now();
      this.#last = { atMs: Date.now(), isTaken: true, problems: [] };
      log.info({ cause, config: next.hash, before: before.hash }, 'config reloaded');
      return { kind: 'applied', hash: next.hash, problems: [] };
    } catch (error) {
      if (error instanceof ConfigError) return this.#refuse(cause, [formatProblems(error.file, error.problems)]);
      log.error({ err: error, cause }, 'a reload failed; the config before stays in force');
      return this.#refuse(cause, [error instanceof Error ? error.message : String(error)]);
    }
  }

  /** One that is asked for again and again, as by a vendor that refuses the credentials, must not push out the others. */
  #note(cause: string, hashBefore: string, { kind: outcome, hash, problems }: ReloadResult): void {
    const kept = problems.slice(0, maxProblems).map((problem) => boundText(problem, maxProblemLength));
    const record = { cause, outcome, hashBefore, hash, problems: kept };
    const [newest, ...older] = this.#history;
    const { atMs: _at, times = 0, ...same } = newest ?? {};
    const isAgain = outcome !== 'applied' && isDeepStrictEqual(same, record);
    const next = { atMs: Date.now(), times: isAgain ? times + 1 : 1, ...record };
    this.#history = [next, ...(isAgain ? older : this.#history)].slice(0, maxHistory);
  }

  #refuse(cause: string, problems: readonly string[]): ReloadResult {
    const { hash } = this.#config;
    this.#last = { atMs: Date.now(), isTaken: false, problems };
    this.#deps.log.warn({ cause, config: hash, problems }, 'config refused; the one before stays in force');
    return { kind: 'refused', hash, problems };
  }
}

const fixedSections = ['store', 'retention', 'replicas', 'tracing', 'admin'] as const;
const fixedServerKeys = ['host', 'port', 'drainSeconds'] as const;
const fixedLimits = [
  'maxConnections',
  'maxHeaderBytes',
  'slowRequestSeconds',
  'idempotencyHours',
  'cacheRuns',
] as const;
const fixedWebhookKeys = ['giveUpHours', 'timeoutSeconds'] as const;

/** What differs of that which a process takes up when it starts: the keys, as paths. */
function fixedKeys(before: Config, next: Config): readonly string[] {
  const differs = (one: unknown, other: unknown): boolean => !isDeepStrictEqual(one, other);
  const callsWebhooks = ({ webhooks }: Config): boolean => webhooks.secrets.length > 0 || webhooks.unsigned;
  return [
    ...fixedSections.filter((name) => differs(before[name], next[name])),
    ...fixedServerKeys.filter((key) => differs(before.server[key], next.server[key])).map((key) => `server.${key}`),
    ...fixedLimits.filter((key) => differs(before.limits[key], next.limits[key])).map((key) => `limits.${key}`),
    ...fixedWebhookKeys
      .filter((key) => differs(before.webhooks[key], next.webhooks[key]))
      .map((key) => `webhooks.${key}`),
    ...(before.log.format === next.log.format ? [] : ['log.format']),
    ...(callsWebhooks(before) === callsWebhooks(next)
      ? []
      : ['whether webhooks are called (webhooks.secrets, webhooks.unsigned)']),
  ];
}
