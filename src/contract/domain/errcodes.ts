/**
 * `RunOutput.errcode` of the endings that the gateway itself decides. Vendors' codes start at 2000 and stand in
 * `mappings/*.yaml`; the README documents all of them in one table.
 */
export const errcodes = {
  cancelled: 1000,
  deadline: 1001,
  startUnknown: 1002,
  startRejected: 1003,
  upstreamGone: 1004,
  mappingFailed: 1005,
  vendorFailed: 1100,
} as const;
