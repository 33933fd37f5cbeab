import type { Protocol } from '../../contract/api/protocol.ts';
import { encodeDelivery } from './encode.ts';
import { encodeError } from './errors.ts';
import { createPassedOperations } from './passed-operations.ts';
import { createRunOperations, intuned } from './run-operations.ts';
import { answers, startBody } from './schemas.ts';

/** Intuned's own API, for clients of the vendor that change an address and a key. */
export function createIntuned(): Protocol {
  return {
    name: intuned,
    prefix: '/intuned/api/v1/workspace',
    operations: [...createRunOperations(), ...createPassedOperations()],
    about: {
      title: 'Intuned API',
      version: '1',
      description: "Intuned's API as rungate serves it: the Run API makes runs, all else passes on.",
      error: answers.Error,
      schemas: { ...answers, RunStartRequest: startBody },
    },
    encodeError,
    encodeRun: encodeDelivery,
  };
}
