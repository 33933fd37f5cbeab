import { LinkedList } from '../collections/linked-list.ts';

type Callbacks = LinkedList<() => void>;

/** Listeners by signal; they go with it. */
const listeners = new WeakMap<AbortSignal, Callbacks>();

/**
 * Calls back when the signal fires; the returned function takes that back. Node keeps a signal's listeners in a list
 * that it walks for each one that comes or goes, and thousands of calls can wait under one signal: so each signal gets
 * one listener of ours, and that stays.
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  const known = listeners.get(signal);
  const callbacks: Callbacks = known ?? new LinkedList();
  if (known === undefined) {
    listeners.set(signal, callbacks);
    signal.addEventListener('abort', tellAll(callbacks), { once: true });
  }
  const node = callbacks.add(callback);
  return () => callbacks.remove(node);
}

/** A closure of its own: one made above would keep the first callback, and with it a whole call, as long as the signal. */
function tellAll(callbacks: Callbacks): () => void {
  return () => {
    for (let next = callbacks.oldest; next !== null; next = callbacks.oldest) {
      callbacks.remove(next);
      next.item();
    }
  };
}
