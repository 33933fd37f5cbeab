import type { Protocol } from '../../contract/api/protocol.ts';
import type { SealerFor } from '../../contract/api/sealer.ts';
import { createOperations } from './operations.ts';
import { encodeError } from './rpc-error.ts';
import { answers } from './schemas.ts';
import { Seals } from './seals.ts';
import { encodeTask } from './tasks.ts';

export type McpOptions = {
  /** Seals what clients carry from one request to the next. */
  readonly sealerFor: SealerFor;
  readonly version: string;
  readonly retentionMs: number;
};

/** The Model Context Protocol, 2026-07-28 and before, over Streamable HTTP: agents are tools, runs are tasks. */
export function createMcp({ sealerFor, version, retentionMs }: McpOptions): Protocol {
  return {
    name: 'mcp',
    prefix: '/mcp',
    isProtectedResource: true,
    operations: createOperations({ seals: new Seals(sealerFor), version, retentionMs }),
    about: {
      title: 'Model Context Protocol',
      version: '2026-07-28',
      description: 'The Model Context Protocol as rungate serves it: agents are tools, and runs are tasks.',
      error: answers.Response,
      schemas: answers,
    },
    refusalStatus: 400,
    encodeError,
    encodeRun: (run) => encodeTask(run, { retentionMs }),
  };
}
