/** Gives clients texts that are believed when they come back, at any replica. Rejects with `storage_unavailable`. */
export interface Sealer {
  seal(text: string): Promise<string>;
  /** The text that was sealed; null where it was not sealed here, or for another purpose. */
  open(sealed: string): Promise<string | null>;
}

/** What is sealed for one purpose is not believed for another. */
export type SealerFor = (purpose: string) => Sealer;
