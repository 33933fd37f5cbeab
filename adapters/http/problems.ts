/** What is wrong with a vendor file. */
export type VendorProblem = {
  /** Where, such as `['start', 'path']`. */
  readonly keys: readonly (string | number)[];
  readonly message: string;
  /** The word that is wrong, and those that would be right, of which the nearest is shown. */
  readonly given?: string;
  readonly known?: readonly string[];
  /** Whether the key is what is wrong, and not its value. */
  readonly isKey?: boolean;
};
