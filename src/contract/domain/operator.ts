/** What a key or a token may do with the admin API: read it, or act by it too. */
export const roles = ['viewer', 'operator'] as const;
export type Role = (typeof roles)[number];

/** Who acts: the name of a key or the subject of a token, as log lines and timelines show it. */
export type Actor = { readonly name: string; readonly tenant: string; readonly role: Role };

/** What can be stopped from starting runs. */
export const stopKinds = ['agent', 'backend', 'tenant'] as const;
export type StopKind = (typeof stopKinds)[number];

/**
 * While it stands, no replica starts a run of the agent, at the backend, or of the tenant; such runs stay queued. Runs that
 * the vendor has already are observed as ever. Kept in the store until it is lifted.
 */
export type Stop = {
  readonly kind: StopKind;
  /** Of the agent, the backend or the tenant. */
  readonly name: string;
  readonly reason: string;
  readonly by: string;
  readonly atMs: number;
};

export type StopName = Pick<Stop, 'kind' | 'name'>;

/** What an operator did to one run. */
export type RunAction = {
  readonly action: 'cancel' | 'replay' | 'resume';
  readonly by: string;
  readonly atMs: number;
  /** The run that a replay made. */
  readonly runId?: string | undefined;
};

/** A call to a vendor, as it is remembered. */
export type CallNote = {
  readonly atMs: number;
  readonly tookMs: number;
  /** Of the vendor's answer; null where there was none. */
  readonly httpStatus: number | null;
  /** In the words of the vendor or of the connection; left out for a call that was answered well. */
  readonly fault?: string | undefined;
};

/**
 * What is kept of how a run went, for its timeline. It is written with commits that are made anyway, so the newest looks
 * may be missing until the run ends. Lists and texts in it are bounded.
 */
export type RunNotes = {
  /** What the run waited for before its start, longest first. */
  readonly waits?: readonly { readonly cause: string; readonly tookMs: number }[] | undefined;
  /** The last call that asked the vendor to start. */
  readonly start?: CallNote | undefined;
  readonly looks?: LookNotes | undefined;
  readonly actions?: readonly RunAction[] | undefined;
};

/** The polls of a run; `last` is the newest of them. */
export type LookNotes = { readonly count: number; readonly failed: number; readonly last: CallNote };
