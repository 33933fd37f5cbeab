/** The closed lists of the vendor's clients: a word that is not on them makes a client refuse the whole answer. */
export const codes = [
  'internal-server-error',
  'script-process-crashed',
  'unexpected',
  'script-execution-exception',
  'script-no-valid-output-received',
  'result-too-big-error',
  'script-timeout',
  'script-unexpected-error',
  'auth-check-failed',
  'all-attempts-failed',
  'check-attempts-failed',
  'create-attempts-failed',
  'post-create-check-attempts-failed',
  'api-attempts-failed',
  'onepassword-integration-error',
  'job-run-terminated',
] as const;
export type Code = (typeof codes)[number];

export const categories = ['infrastructure', 'execution', 'auth', 'user', 'billing'] as const;
export type Category = (typeof categories)[number];

export const reasons = [
  'auth-session-validate-dependency-failed',
  'terminated',
  'job-run-paused',
  'job-run-terminated',
  'failed-to-initialize-job-run',
  'api-access-disabled',
  'cancelled-user-action',
] as const;
export type Reason = (typeof reasons)[number];

/** The word where the list has it. */
export function known<Word extends string>(words: readonly Word[], word: unknown): Word | undefined {
  return words.find((each) => each === word);
}
