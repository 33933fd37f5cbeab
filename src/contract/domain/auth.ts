import type { KeyLimits } from './principal.ts';

/** One key that clients may come with; of the key itself only the hash is known. */
export type KeyConfig = {
  readonly name: string;
  readonly tenant: string;
  /** Lower case hexadecimal. */
  readonly sha256: string;
  /** Null: every agent. */
  readonly agents: readonly string[] | null;
  readonly limits: KeyLimits;
};

/** Whose tokens are taken, and what they must say. */
export type JwtConfig = {
  readonly issuer: string;
  readonly audience: string;
  readonly jwksUrl: string;
  readonly tenantClaim: string;
  /** Null: a token does not say which agents it is for, and every one is. */
  readonly agentsClaim: string | null;
  /** Of each subject. */
  readonly limits: KeyLimits;
};

export type AuthConfig = { readonly keys: readonly KeyConfig[]; readonly jwt: JwtConfig | null };
