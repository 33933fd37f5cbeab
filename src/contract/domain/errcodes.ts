/**
 * `RunOutput.errcode` of the endings that the gateway itself decides. Codes of vendors start at 2000 and stand in
 * `mappings/*.yaml`; docs/errors.md has all of them in one table.
 */
export const errcodes = {
  cancelled: 1000,
  deadline: 1001,
  startUnknown: 1002,
  startRejected: 1003,
  upstreamGone: 1004,
  mappingFailed: 1005,
  answerUnreadable: 1006,
  answerTooLarge: 1007,
  unauthorised: 1008,
  resultRefused: 1009,
  vendorFailed: 1100,
} as const;

/** When a run ends with each of them, for docs/errors.md. */
export const errcodeOccasions = {
  cancelled: 'The run was cancelled.',
  deadline: 'The run did not end within the `timeoutSeconds` of its agent. Its status is `timeout`.',
  startUnknown:
    'The start got no answer that says whether the vendor started the run, and `onUnknownStart` does not allow another one.',
  startRejected: 'The vendor refused to start the run. The description is the message of the vendor.',
  upstreamGone: 'The vendor no longer knows the run, for longer than the `lostAfterSeconds` of its agent.',
  mappingFailed: 'An expression of the mapping failed or exceeded its budget, or the output is too large.',
  answerUnreadable:
    "The vendor's answer cannot be read: three in a row are not JSON, have another shape or cannot be decoded, or one that says that the run is over.",
  answerTooLarge:
    "The vendor's answer is larger than `limits.maxAnswerBytes`: three in a row, or one that says that the run is over.",
  unauthorised:
    'The vendor has answered polls of the run with 401 or 403 for longer than the `unauthorisedAfterSeconds` of its agent.',
  resultRefused:
    'The vendor ended the run and does not give its result: three refusals in a row, or "not found" for longer than the `lostAfterSeconds` of its agent.',
  vendorFailed: 'The run failed at the vendor, and the mapping has no errcode for the failure.',
} as const satisfies Readonly<Record<keyof typeof errcodes, string>>;
