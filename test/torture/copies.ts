import { copyFileSync, existsSync, linkSync, mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Book } from './book.ts';
import type { Chance } from './chance.ts';
import type { Children } from './children.ts';
import type { Database } from './database.ts';
import type { ReplicaSet } from './replica-set.ts';

export type CopiesDeps = {
  readonly folder: string;
  readonly database: Database;
  readonly children: Children;
  readonly replicaSet: ReplicaSet;
  readonly book: Book;
  readonly chance: Chance;
  /** Writes a config whose store is at the URL, and gives its file. */
  readonly configFor: (name: string, storeUrl: string) => string;
};

const refusalPatienceMs = 60_000;
/** Of rounds with a copy, those that put it in the place of the original. */
const inPlaceShare = 0.4;

/** Old copies of the database, and other names of it: what is started on them must send nothing. */
export class Copies {
  readonly #deps: CopiesDeps;
  #made = 0;
  /** Gateways on a copy, or on another name, that were refused. */
  refused = 0;
  /** Gateways that polled what a copy has, after `rungate restore --observe`. */
  observed = 0;

  constructor(deps: CopiesDeps) {
    this.#deps = deps;
  }

  /** Takes a copy, lets the original go on, and starts a gateway on the copy. */
  async restore(): Promise<void> {
    const { database, chance } = this.#deps;
    const name = `copy-${++this.#made}`;
    if (database.file !== null && chance.happens(inPlaceShare)) return await this.#restoreInPlace(database.file, name);
    const copy = await this.#take(name);
    try {
      await sleep(chance.between(100, 1500));
      const config = this.#deps.configFor(name, copy.url);
      await this.#expectRefusal(name, config, 'the store is an old copy');
      await this.#run(`${name}-restore`, ['restore', '--config', config, '--observe'], 'carries it out');
      const args = ['test/torture/gateway.ts', 'serve', '--config', config, '--port', '0'];
      const observer = this.#deps.children.spawn(`${name}-observer`, args);
      if ((await observer.writes('rungate listens', refusalPatienceMs)) === null) {
        this.#deps.book.noteUnexpected(`no gateway on ${name}: ${observer.lastLines(5)}`);
      } else this.observed += 1;
      await sleep(chance.between(500, 2000));
      await observer.end();
    } finally {
      await copy.close();
    }
  }

  /** Other names of the database of a live gateway. */
  async link(): Promise<void> {
    const { folder, database, chance, configFor } = this.#deps;
    if (database.file === null) return;
    const { file } = database;
    const name = `link-${++this.#made}`;
    const link = join(folder, `${name}.db`);
    const target = chance.pick(['hard', 'symbolic', 'unlocked'] as const);
    if (target === 'hard') linkSync(file, link);
    else if (target === 'symbolic') symlinkSync(file, link);
    else rmSync(`${file}.lock`);
    const config = configFor(name, `sqlite:${target === 'unlocked' ? file : link}`);
    await this.#expectRefusal(name, config, / in use by another process| names \(hard links\)/);
    rmSync(link, { force: true });
  }

  /** The copy stands where the original was, whose fence and log it finds; then the original comes back. */
  async #restoreInPlace(file: string, name: string): Promise<void> {
    const { chance, replicaSet } = this.#deps;
    const copy = await this.#take(name);
    await sleep(chance.between(20, 1000));
    await replicaSet.killAll();
    const aside = ['', '-wal', '-shm'].filter((ending) => existsSync(`${file}${ending}`));
    for (const ending of aside) renameSync(`${file}${ending}`, `${file}.aside${ending}`);
    copyFileSync(new URL(copy.url).pathname, file);
    await this.#expectRefusal(name, this.#deps.configFor(name, `sqlite:${file}`), 'the store is an old copy');
    for (const ending of ['', '-wal', '-shm']) rmSync(`${file}${ending}`, { force: true });
    for (const ending of aside) renameSync(`${file}.aside${ending}`, `${file}${ending}`);
    await copy.close();
    await replicaSet.startAll();
  }

  async #take(name: string): Promise<{ readonly url: string; close(): Promise<void> }> {
    const { folder, database } = this.#deps;
    if (database.file === null) return await database.copy();
    const target = join(folder, name, 'copy.db');
    mkdirSync(dirname(target));
    const source = new DatabaseSync(database.file);
    source.prepare('VACUUM INTO ?').run(target);
    source.close();
    return { url: `sqlite:${target}`, close: async () => rmSync(dirname(target), { recursive: true }) };
  }

  async #expectRefusal(name: string, config: string, reason: string | RegExp): Promise<void> {
    const words = await this.#run(name, ['serve', '--config', config, '--port', '0'], reason);
    if (words) this.refused += 1;
  }

  /** Whether a command ended by itself and said that. */
  async #run(name: string, args: readonly string[], words: string | RegExp): Promise<boolean> {
    const { children, book } = this.#deps;
    const child = children.spawn(name, ['test/torture/gateway.ts', ...args]);
    const late = sleep(refusalPatienceMs, 'late' as const, { ref: false });
    if ((await Promise.race([child.exited, late])) === 'late') await child.end();
    const said = child.lastLines(40);
    const isSaid = !child.wasEnded && (typeof words === 'string' ? said.includes(words) : words.test(said));
    if (!isSaid) book.noteUnexpected(`${name}: ${args[0]} said:\n${said}`);
    return isSaid;
  }
}
