import type { Dialect } from '../../src/contract/api/protocol.ts';
import { createAcpV01 } from '../../src/protocols/acp-v01/protocol.ts';
import { createAcpV02 } from '../../src/protocols/acp-v02/protocol.ts';
import { createAgentProtocol } from '../../src/protocols/agent-protocol/protocol.ts';
import type { AppOptions } from '../../src/http/app.ts';
import { openSite, type Site } from '../http/app.ts';

export function createDialects(unknownFields: 'reject' | 'ignore' = 'reject'): readonly Dialect[] {
  return [
    createAcpV01({ unknownFields, maxBlockSeconds: 3600 }),
    createAcpV02({ unknownFields }),
    createAgentProtocol({ unknownFields }),
  ];
}

/** The three dialects under their own prefixes, and the first at the root. */
export async function openDialects(changes: Partial<AppOptions> = {}): Promise<Site> {
  const dialects = createDialects();
  const mounts = dialects.map((dialect) => ({ dialect, prefix: dialect.prefix }));
  const root = dialects.slice(0, 1).map((dialect) => ({ dialect, prefix: '' }));
  return await openSite({ mounts: [...mounts, ...root], ...changes });
}
