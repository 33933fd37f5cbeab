import type { Operation } from '../../contract/api/protocol.ts';

/** Checks a row's types against each other where it is written, and erases them for the table. */
export function operation<Params, Query, Body>(row: Operation<Params, Query, Body>): Operation {
  return row as Operation;
}
