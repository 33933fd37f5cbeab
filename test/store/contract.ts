import { afterEach, beforeEach, describe } from 'vitest';
import type { Store } from '../../src/contract/store/store.ts';
import { openStore } from '../../src/store/open.ts';
import { describeCaps } from './contract-caps.ts';
import { describeChanged } from './contract-changed.ts';
import { describeClaims } from './contract-claims.ts';
import { describeDurability } from './contract-durability.ts';
import { describeIdempotency } from './contract-idempotency.ts';
import { describeItems } from './contract-items.ts';
import { describeKeptEvents } from './contract-kept-events.ts';
import { describeLargeRows } from './contract-large-rows.ts';
import { describeOperations } from './contract-operations.ts';
import { describeRuns } from './contract-runs.ts';
import { describeSchedules } from './contract-schedules.ts';
import { describeSearch } from './contract-search.ts';
import { describeThreadEvents } from './contract-thread-events.ts';
import { describeThreadMetadata } from './contract-thread-metadata.ts';
import { describeThreadRuns } from './contract-thread-runs.ts';
import { describeThreadSearch } from './contract-thread-search.ts';
import { describeThreadTurns } from './contract-thread-turns.ts';
import { describeThreads } from './contract-threads.ts';
import { describeTickets } from './contract-tickets.ts';
import { describeUsage } from './contract-usage.ts';
import { describeWebhooks } from './contract-webhooks.ts';
import { silentLog } from './runs.ts';

/** An implementation under test. */
export type Subject = {
  /** The URL of a database that has no rows. */
  readonly makeUrl: () => Promise<string>;
  /** The URL of the server itself, where that of a database is a pooler's. */
  readonly notifyUrlOf?: (url: string) => string;
  /** Whether a second store can be open on one URL. */
  readonly shared: boolean;
};

/** What a test is given: a store on an empty database, and the means to open it again. */
export type Bench = {
  readonly store: Store;
  readonly url: string;
  readonly notifyUrl: string | undefined;
  /** Another store on the same database; where it can have only one, the same store. */
  readonly openSecond: () => Promise<Store>;
  /** Closes the store and opens a new one on the same database. */
  readonly reopen: () => Promise<Store>;
};

/** Everything that `contract/store.ts` promises, tried on one implementation. */
export function describeStore(name: string, subject: Subject): void {
  describe(`${name} store`, { timeout: 60_000 }, () => {
    const opened: Store[] = [];
    let current: Bench | undefined;

    beforeEach(async () => {
      const url = await subject.makeUrl();
      const notifyUrl = subject.notifyUrlOf?.(url);
      const open = async (): Promise<Store> => {
        const store = await openStore(url, { log: silentLog, notifyUrl });
        opened.push(store);
        return store;
      };
      const store = await open();
      current = {
        store,
        url,
        notifyUrl,
        openSecond: async () => (subject.shared ? await open() : store),
        reopen: async () => {
          await store.close();
          return await open();
        },
      };
    });

    afterEach(async () => {
      await Promise.all(opened.splice(0).map((store) => store.close()));
    });

    const bench = (): Bench => {
      if (current === undefined) throw new Error('the bench is there only while a test runs');
      return current;
    };
    describeRuns(bench);
    describeKeptEvents(bench);
    describeLargeRows(bench);
    describeSearch(bench);
    describeChanged(bench);
    describeClaims(bench);
    describeIdempotency(bench);
    describeThreads(bench);
    describeThreadSearch(bench);
    describeThreadEvents(bench);
    describeThreadRuns(bench);
    describeThreadMetadata(bench);
    describeThreadTurns(bench);
    describeTickets(bench);
    describeUsage(bench);
    describeCaps(bench);
    describeWebhooks(bench);
    describeItems(bench);
    describeOperations(bench);
    describeSchedules(bench);
    describeDurability(bench);
  });
}
