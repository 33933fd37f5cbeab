import { ReleasingMap } from '../../collections/releasing-map.ts';
import type { RunEvent } from '../../contract/domain/event.ts';
import type { Run, RunKey } from '../../contract/domain/run.ts';
import { RecentEvents } from './recent-events.ts';

/** A change of a run. `run` is null when it was removed; empty `events` mean that readers have to read the store. */
export type RunNotification = {
  readonly runId: string;
  readonly run: Run | null;
  readonly events: readonly RunEvent[];
};
export type Listener = (notification: RunNotification) => void;

type WatchedRun = { readonly key: RunKey; readonly listeners: Set<Listener>; readonly recent: RecentEvents };

export type EventBusHooks = {
  /** Called for every change before its watchers, so that this process's cached run is never older than what they see. */
  readonly onPublish: Listener;
  /** Called when a run gets its first watcher: its run loop may be in a long sleep. */
  readonly onRunWatched: (runId: string) => void;
  /** Called when a thread gets its first watcher, for the loops of its runs. */
  readonly onThreadWatched: (threadId: string) => void;
};

/**
 * The watchers of runs and threads in this process. Publishing follows the commit, so no watcher learns of a change that
 * could still be lost; a run without watchers costs one failed look-up.
 */
export class EventBus {
  readonly #watched = new ReleasingMap<string, WatchedRun>();
  readonly #threads = new Map<string, Set<() => void>>();
  readonly #hooks: EventBusHooks;

  constructor(hooks: EventBusHooks) {
    this.#hooks = hooks;
  }

  subscribe(key: RunKey, listener: Listener): () => void {
    const { runId } = key;
    const known = this.#watched.get(runId);
    const entry = known ?? { key, listeners: new Set<Listener>(), recent: new RecentEvents() };
    entry.listeners.add(listener);
    if (known === undefined) {
      this.#watched.set(runId, entry);
      this.#hooks.onRunWatched(runId);
    }
    return () => {
      entry.listeners.delete(listener);
      if (entry.listeners.size === 0 && this.#watched.get(runId) === entry) this.#watched.delete(runId);
    };
  }

  /** The listener has to read news from the store, which alone has the order over the thread's runs. */
  subscribeThread(threadId: string, listener: () => void): () => void {
    const known = this.#threads.get(threadId);
    const listeners = known ?? new Set();
    // Wrapped, so that a function that subscribes twice is called twice.
    const own = () => listener();
    listeners.add(own);
    if (known === undefined) {
      this.#threads.set(threadId, listeners);
      this.#hooks.onThreadWatched(threadId);
    }
    return () => {
      listeners.delete(own);
      if (listeners.size === 0 && this.#threads.get(threadId) === listeners) this.#threads.delete(threadId);
    };
  }

  /** Wakes the thread's watchers after a write; null wakes those of every thread. */
  notifyThread(threadId: string | null): void {
    const woken = threadId === null ? [...this.#threads.values()] : [this.#threads.get(threadId) ?? []];
    for (const listeners of woken) for (const listener of [...listeners]) listener();
  }

  publish(notification: RunNotification): void {
    this.#hooks.onPublish(notification);
    const threadId = notification.run?.threadId ?? null;
    if (threadId !== null) this.notifyThread(threadId);
    const watched = this.#watched.get(notification.runId);
    if (watched === undefined) return;
    watched.recent.add(notification.events);
    // A copy, because a listener may unsubscribe while the others are being notified.
    for (const listener of [...watched.listeners]) listener(notification);
  }

  isWatched(runId: string, threadId: string | null = null): boolean {
    return this.#watched.has(runId) || (threadId !== null && this.isThreadWatched(threadId));
  }

  isThreadWatched(threadId: string): boolean {
    return this.#threads.has(threadId);
  }

  /** What is known of the events of a watched run; undefined where it is not watched. */
  recentOf(runId: string): RecentEvents | undefined {
    return this.#watched.get(runId)?.recent;
  }

  keyOf(runId: string): RunKey | undefined {
    return this.#watched.get(runId)?.key;
  }

  threadIds(): readonly string[] {
    return [...this.#threads.keys()];
  }

  /** Of the watched runs. */
  keys(): readonly RunKey[] {
    return [...this.#watched.values()].map((entry) => entry.key);
  }
}
