import type { Operation } from '../../contract/api/protocol.ts';

/** Keeps a row's types together while it is written, and forgets them for the matrix. */
export function operation<Params, Query, Body>(row: Operation<Params, Query, Body>): Operation {
  return row as Operation;
}
