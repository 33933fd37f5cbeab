import type { Protocol } from '../../src/contract/api/protocol.ts';
import { createA2a } from '../../src/protocols/a2a/protocol.ts';
import { createAcpV01 } from '../../src/protocols/acp-v01/protocol.ts';
import { createAcpV02 } from '../../src/protocols/acp-v02/protocol.ts';
import { createAgUi } from '../../src/protocols/ag-ui/protocol.ts';
import { createAgentProtocol } from '../../src/protocols/agent-protocol/protocol.ts';
import { createIntuned } from '../../src/protocols/intuned/protocol.ts';
import { createLangGraph } from '../../src/protocols/langgraph/protocol.ts';
import { createMcp } from '../../src/protocols/mcp/protocol.ts';
import { createOpenAi } from '../../src/protocols/openai/protocol.ts';
import { createRestack } from '../../src/protocols/restack/protocol.ts';
import { openSite, type Site, type SiteOptions } from '../http/app.ts';
import { sealerFor } from '../http/held-tickets.ts';

export function createProtocols(unknownFields: 'reject' | 'ignore' = 'reject'): readonly Protocol[] {
  return [
    createAcpV01({ unknownFields, maxBlockSeconds: 3600 }),
    createAcpV02({ unknownFields }),
    createAgentProtocol({ unknownFields, maxListBytes: 8_388_608 }),
    createLangGraph({ unknownFields, maxListBytes: 8_388_608 }),
    createAgUi({ unknownFields }),
    createOpenAi({ unknownFields }),
    createIntuned(),
    createRestack({ unknownFields }),
    createMcp({ sealerFor, version: '0.0.0', retentionMs: 86_400_000 }),
    createA2a({
      uniqueMessageIds: true,
      pushes: true,
      isProtected: false,
      defaultAgent: 'echo',
      maxListBytes: 8_388_608,
    }),
  ];
}

/** The protocols under their own prefixes, and the first at the root. */
export async function openProtocols(changes: SiteOptions = {}): Promise<Site> {
  const protocols = createProtocols();
  const mounts = protocols.map((protocol) => ({ protocol, prefix: protocol.prefix }));
  const root = protocols.slice(0, 1).map((protocol) => ({ protocol, prefix: '' }));
  return await openSite({ mounts: [...mounts, ...root], ...changes });
}
