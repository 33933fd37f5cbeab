import type { Cap, CapUse } from '../domain/cap.ts';

/**
 * What the runs under caps have used. Runs and reserves are counted by `Store.insertWithin`, costs by `Store.update`, each in
 * the transaction of the run's own row. Rejects with `StorageFault`.
 */
export interface CapStore {
  /** In the order of the caps. */
  uses(caps: readonly Cap[]): Promise<readonly CapUse[]>;
}
