import { StorageFault } from '../../contract/store/store.ts';
import { splitServers } from '../server-urls.ts';

/** What a server says of itself to a new connection. `timeline` is empty where it does not say. */
export type ServerState = { readonly isReadOnly: boolean; readonly timeline: string };

/**
 * Which server of a URL takes writes. A URL may name several, as libpq's may: `postgres://user@a:5432,b:5432/name`. One at a
 * time is used, and the next one when it cannot be reached or does not take writes.
 */
export class Primary {
  readonly #urls: readonly string[];
  #at = 0;
  /** The newest that a server has shown. A promoted standby has a newer one than the server that it replaces. */
  #timeline = '';

  constructor(url: string) {
    this.#urls = splitServers(url);
  }

  get url(): string {
    return this.#urls[this.#at] ?? '';
  }

  get serverCount(): number {
    return this.#urls.length;
  }

  /** The server of `url` cannot be used. Another caller may have found that before. */
  moveOn(url: string): void {
    if (this.url === url) this.#at = (this.#at + 1) % this.#urls.length;
  }

  /** Uses this server from now on. */
  use(url: string): void {
    this.#at = Math.max(0, this.#urls.indexOf(url));
  }

  /**
   * Whether the server was promoted since the last one was admitted. One that takes no writes is used where there is no
   * other: it answers reads, and refuses the rest itself.
   *
   * @throws StorageFault for a standby of several servers, and for a primary that another one has replaced.
   */
  admit({ isReadOnly, timeline }: ServerState): boolean {
    if (isReadOnly && this.serverCount === 1) return false;
    if (isReadOnly) throw new StorageFault('PostgreSQL: the server takes no writes; it is a standby');
    if (timeline < this.#timeline && timeline !== '') {
      throw new StorageFault('PostgreSQL: the server is a primary that another one has replaced');
    }
    const isNewer = this.#timeline !== '' && timeline > this.#timeline;
    if (timeline !== '') this.#timeline = timeline;
    return isNewer;
  }
}
