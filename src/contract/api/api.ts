import type { Admin } from './admin.ts';
import type { Agents } from './agents.ts';
import type { Items } from './items.ts';
import type { Runs } from './runs.ts';
import type { Threads } from './threads.ts';
import type { VendorCalls } from './vendor-calls.ts';

/** What clients do, each within its tenant. */
export type ClientApi = {
  readonly runs: Runs;
  readonly threads: Threads;
  readonly items: Items;
  readonly agents: Agents;
  readonly vendors: VendorCalls;
};

/** What the engine offers to protocols; the engine implements it, and access control wraps it for each caller. */
export type Api = ClientApi & { readonly admin: Admin };
