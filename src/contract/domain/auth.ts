import type { Role } from './operator.ts';
import type { KeyLimits } from './principal.ts';

/** A client's key, of which the config holds only the hash. */
export type KeyConfig = {
  readonly name: string;
  readonly tenant: string;
  /** Lower case hexadecimal. */
  readonly sha256: string;
  /** Null: every agent. */
  readonly agents: readonly string[] | null;
  readonly limits: KeyLimits;
  /** For the admin API; left out or null: none. */
  readonly role?: Role | null | undefined;
};

/** The issuer whose tokens are accepted, and the claims that are required. */
export type JwtConfig = {
  readonly issuer: string;
  readonly audience: string;
  readonly jwksUrl: string;
  readonly tenantClaim: string;
  /** Null: tokens have no such claim and may use every agent. */
  readonly agentsClaim: string | null;
  /** The claim with a role for the admin API; left out or null: tokens have none. */
  readonly roleClaim?: string | null | undefined;
  /** Of each subject. */
  readonly limits: KeyLimits;
};

export type AuthConfig = { readonly keys: readonly KeyConfig[]; readonly jwt: JwtConfig | null };
