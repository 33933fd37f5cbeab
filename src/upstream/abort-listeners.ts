import { LinkedList } from '../collections/linked-list.ts';

type Callbacks = LinkedList<() => void>;

/** Listeners by signal, collected together with it. */
const listeners = new WeakMap<AbortSignal, Callbacks>();

/**
 * Calls back when the signal fires; the returned function unsubscribes. Node walks the list of a signal's listeners for
 * each one that is added or removed, and thousands of calls can wait under one signal. So each signal gets a single
 * listener from here, which stays.
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  const known = listeners.get(signal);
  const callbacks: Callbacks = known ?? new LinkedList();
  if (known === undefined) {
    listeners.set(signal, callbacks);
    signal.addEventListener('abort', callAll(callbacks), { once: true });
  }
  const node = callbacks.add(callback);
  return () => callbacks.remove(node);
}

/** A separate function: a closure made above would keep the first callback, and a whole call, alive as long as the signal. */
function callAll(callbacks: Callbacks): () => void {
  return () => {
    for (let next = callbacks.oldest; next !== null; next = callbacks.oldest) {
      callbacks.remove(next);
      next.item();
    }
  };
}
