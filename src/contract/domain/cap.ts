/** What may be used within an hour and within a day; null: as much as there is. */
export type CapLimits = {
  readonly runsPerHour: number | null;
  readonly runsPerDay: number | null;
  readonly costPerHour: number | null;
  readonly costPerDay: number | null;
};

export const capLimits = ['runsPerHour', 'runsPerDay', 'costPerHour', 'costPerDay'] as const;
export type CapLimit = (typeof capLimits)[number];

/** Bounds what all runs of an agent, of a tenant, or of an agent by a tenant use together, over all replicas. */
export type Cap = CapLimits & {
  /** Names what is counted, such as `agent price-scraper of tenant acme`. */
  readonly name: string;
  /** Null: runs of every agent. */
  readonly agent: string | null;
  /** Null: runs of every tenant. */
  readonly tenant: string | null;
  /** What a run counts as until its cost is known. */
  readonly reserve: number;
};

/** A cap that leaves no room for a run. */
export type ReachedCap = {
  readonly name: string;
  readonly limit: CapLimit;
  /** The limit itself. */
  readonly max: number;
  /** Until there is room again; null: once runs that are under way have ended. */
  readonly freesInMs: number | null;
};

/** What a run holds of a cap from its creation to its end. */
export type CapShare = { readonly name: string; readonly reserve: number };

/** What the end of a run does to a cap: its reserve is free, and its cost is known. */
export type CapSettlement = { readonly name: string; readonly released: number; readonly cost: number };

/** How much of a window is used. */
export type WindowUse = {
  readonly runs: number;
  readonly cost: number;
};

export type CapReport = { readonly cap: Cap; readonly use: CapUse };

export type CapUse = {
  readonly name: string;
  readonly hour: WindowUse;
  readonly day: WindowUse;
  /** What runs under way count as. */
  readonly reserved: number;
  /** The limit that leaves no room for a run now; null: there is room. */
  readonly reached: ReachedCap | null;
};
