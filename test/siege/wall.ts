/** A safeguard, one edit that takes it out, and the tests that have to notice. */
export type Wall = {
  readonly name: string;
  readonly file: string;
  /** Occurs once in the file. */
  readonly from: string;
  readonly to: string;
  /** Test files, of which at least one test has to fall. */
  readonly tests: readonly string[];
};
