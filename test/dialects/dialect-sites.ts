import type { Dialect } from '../../src/contract/dialect.ts';
import { createAcpV01 } from '../../src/dialects/acp-v01/dialect.ts';
import { createAcpV02 } from '../../src/dialects/acp-v02/dialect.ts';
import { createAgentProtocol } from '../../src/dialects/agent-protocol/dialect.ts';
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
