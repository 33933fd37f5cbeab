import { copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Run } from '../../src/contract/domain/run.ts';
import type { Fence, FenceFinding } from '../../src/contract/store/fence.ts';
import type { Store } from '../../src/contract/store/store.ts';
import { openStore } from '../../src/store/open.ts';
import { makeRun, nextVersion, silentLog } from './runs.ts';

/** A database that gateways take and leave, and what happens to its files meanwhile. */
export class FenceBench implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'rungate-fence-'));
  readonly file = join(this.folder, 'home', 'rungate.db');
  readonly run = makeRun({ runId: '01a20000-0000-7000-8000-000000000001', owner: 'a' });
  #current: Run = this.run;

  /** Another file, in a folder of its own. */
  elsewhere(name = 'elsewhere'): string {
    return join(this.folder, name, 'rungate.db');
  }

  async open(file = this.file): Promise<Store & { readonly fence: Fence }> {
    const store = await openStore(`sqlite:${file}`, { log: silentLog });
    const { fence } = store;
    if (fence === null) throw new Error('a file has a fence');
    return Object.assign(store, { fence });
  }

  /** Opens and takes it, as a gateway that starts does. */
  async take(file = this.file): Promise<Store & { readonly fence: Fence }> {
    const store = await this.open(file);
    await store.fence.take(await store.fence.examine(), []);
    await store.beat('a');
    return store;
  }

  /** A first life: one queued run. */
  async begin(): Promise<Store & { readonly fence: Fence }> {
    const store = await this.take();
    await store.insert(this.run, []);
    return store;
  }

  /** The store writes its run once more. */
  async goOn(store: Store): Promise<void> {
    const next = nextVersion(this.#current);
    if (!(await store.update({ run: next, expectedVersion: this.#current.version, events: [] })))
      throw new Error('the run was not written');
    this.#current = next;
  }

  /** As a clean stop does. */
  async stop(store: Store): Promise<void> {
    await store.release('a');
    await store.close();
  }

  /** What a start would find. Leaves everything as it is. */
  async examine(file = this.file): Promise<FenceFinding> {
    const store = await this.open(file);
    try {
      return await store.fence.examine();
    } finally {
      await store.close();
    }
  }

  /** Copies the database alone, as its commits are. */
  vacuum(target: string, file = this.file): void {
    mkdirSync(dirname(target), { recursive: true });
    const database = new DatabaseSync(file);
    database.prepare('VACUUM INTO ?').run(target);
    database.close();
  }

  /** Copies the database and its log, but not the fence. */
  copy(target: string, file = this.file): void {
    mkdirSync(dirname(target), { recursive: true });
    for (const ending of ['', '-wal']) {
      try {
        copyFileSync(`${file}${ending}`, `${target}${ending}`);
      } catch (error) {
        if (ending === '') throw error;
      }
    }
  }

  /** Copies everything that stands in the folder. */
  copyFolder(target: string, file = this.file): void {
    cpSync(dirname(file), dirname(target), { recursive: true });
  }

  remove(...endings: readonly string[]): void {
    for (const ending of endings) rmSync(`${this.file}${ending}`, { force: true });
  }

  sql(text: string, file = this.file): void {
    const database = new DatabaseSync(file);
    database.exec(text);
    database.close();
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
