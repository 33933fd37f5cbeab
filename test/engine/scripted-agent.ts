import type { Connection } from '../../src/contract/adapter/adapter.ts';
import type { Agent } from '../../src/contract/domain/agent.ts';
import { compileMapping } from '../../src/mapping/compile.ts';

/** An agent that accepts every input, over a connection and one layer of a mapping; tests override the rest. */
export function makeAgent(
  { connection, layer }: { readonly connection: Connection; readonly layer: object },
  own: Partial<Agent> = {},
): Agent {
  const compiled = compileMapping([{ source: 'test', mapping: layer }]);
  if (compiled.kind !== 'compiled') throw new Error(JSON.stringify(compiled));
  return {
    agentId: '00000000-0000-5000-8000-000000000001',
    name: 'scripted',
    version: '1.0.0',
    description: 'does what the test says',
    backend: 'scripted',
    metadata: {},
    target: {},
    schemas: { input: {}, output: {}, config: {}, interrupts: [] },
    checkInput: () => null,
    checkConfig: () => null,
    checkResume: () => null,
    timeoutMs: 3_600_000,
    lostAfterMs: 60_000,
    unauthorisedAfterMs: 600_000,
    onUnknownStart: 'fail',
    capabilities: { resume: false, cancel: false, push: false, session: false },
    connectionFor: () => connection,
    mapping: compiled.mapping,
    ...own,
  };
}
