/** Listeners by signal; they go with it. */
const listeners = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls back when the signal fires; the returned function takes that back. Node keeps a signal's listeners in a list
 * that it walks for each one that comes or goes, and thousands of calls can wait under one signal: so each signal gets
 * one listener of ours, and that stays.
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  const known = listeners.get(signal);
  const callbacks = known ?? new Set<() => void>();
  if (known === undefined) {
    listeners.set(signal, callbacks);
    signal.addEventListener('abort', tellAll(callbacks), { once: true });
  }
  callbacks.add(callback);
  return () => void callbacks.delete(callback);
}

/** A closure of its own: one made above would keep the first callback, and with it a whole call, as long as the signal. */
function tellAll(callbacks: ReadonlySet<() => void>): () => void {
  return () => {
    for (const each of callbacks) each();
  };
}
