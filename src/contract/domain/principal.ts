import type { Role } from './operator.ts';

/** Limits of one key; null for no limit. */
export type KeyLimits = {
  readonly requestsPerSecond: number | null;
  /** Runs of the key that are not done. */
  readonly liveRuns: number | null;
  /** Event streams that are open at the same time. */
  readonly streams: number | null;
};

/** What a principal came in with, so that what is issued to it ends with it. */
export type Credential =
  /** `id` names the key without being one. */
  | { readonly kind: 'key'; readonly id: string }
  /** `audience` names the issuer and the audience of the token. */
  | { readonly kind: 'token'; readonly audience: string; readonly expiresAtMs: number };

/** The authenticated caller of a request. */
export type Principal = {
  readonly tenant: string;
  /** The key's name, or the token's subject; null without authentication. Limits are counted by tenant and name. */
  readonly name: string | null;
  /** Names of the agents that it may use; null: all. */
  readonly agents: ReadonlySet<string> | null;
  /** Left out without authentication. */
  readonly credential?: Credential;
  readonly limits: KeyLimits;
  /** What it may do with the admin API; left out or null: nothing. */
  readonly role?: Role | null | undefined;
};
