import type { Adapter } from '../src/contract/adapter/adapter.ts';

/** Checks an adapter's types against each other, then forgets them: the engine hands settings and targets back unread. */
export function defineAdapter<Settings, Target>(adapter: Adapter<Settings, Target>): Adapter {
  return adapter as Adapter;
}
