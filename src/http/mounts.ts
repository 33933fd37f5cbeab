import { isDeepStrictEqual } from 'node:util';
import type { Config } from '../config/config.ts';
import type { Protocol } from '../contract/api/protocol.ts';
import type { SealerFor } from '../contract/api/sealer.ts';
import { readVersion } from '../observability/version.ts';
import { createA2a } from '../protocols/a2a/protocol.ts';
import { createAcpV01 } from '../protocols/acp-v01/protocol.ts';
import { createAcpV02 } from '../protocols/acp-v02/protocol.ts';
import { createAdminProtocol } from '../protocols/admin/protocol.ts';
import { createAgUi } from '../protocols/ag-ui/protocol.ts';
import { createAgentProtocol } from '../protocols/agent-protocol/protocol.ts';
import { createIntuned } from '../protocols/intuned/protocol.ts';
import { createLangGraph } from '../protocols/langgraph/protocol.ts';
import { createMcp } from '../protocols/mcp/protocol.ts';
import { createOpenAi } from '../protocols/openai/protocol.ts';
import { createRestack } from '../protocols/restack/protocol.ts';
import type { Mount } from './router.ts';

const dayMs = 86_400_000;

/** What the protocols take from a config. Two configs with equal options are served by the same mounts. */
type MountOptions = ReturnType<typeof optionsOf>;

/** Protocols have schemas for every operation, two megabytes in all, so a reload keeps those that it changes nothing of. */
export class Mounts {
  readonly #sealerFor: SealerFor;
  #known: { readonly options: MountOptions; readonly mounts: readonly Mount[] } | null = null;

  constructor(sealerFor: SealerFor) {
    this.#sealerFor = sealerFor;
  }

  /** Every protocol under its own prefix, and the one that the config names at the root too. */
  of(config: Config): readonly Mount[] {
    const options = optionsOf(config);
    if (this.#known === null || !isDeepStrictEqual(options, this.#known.options))
      this.#known = { options, mounts: mountProtocols(options, this.#sealerFor) };
    return this.#known.mounts;
  }
}

function optionsOf(config: Config) {
  const { unknownFields, rootProtocol } = config.server;
  const { maxBlockSeconds, maxListBytes } = config.limits;
  return {
    ...{ unknownFields, rootProtocol, maxBlockSeconds, maxListBytes, callbacks: callsWebhooks(config) },
    retentionMs: config.retention.days * dayMs,
    uniqueMessageIds: config.a2a.uniqueMessageIds,
    isProtected: config.auth !== null && config.auth !== 'none',
    defaultAgent: config.defaultAgent ?? null,
    servesAdmin: servesAdmin(config),
  };
}

function mountProtocols(options: MountOptions, sealerFor: SealerFor): readonly Mount[] {
  const { unknownFields, callbacks, maxListBytes, retentionMs, rootProtocol } = options;
  const { maxBlockSeconds, uniqueMessageIds, isProtected, defaultAgent } = options;
  const protocols: readonly Protocol[] = [
    createAcpV01({ maxBlockSeconds, unknownFields, callbacks }),
    createAcpV02({ unknownFields, callbacks }),
    createAgentProtocol({ unknownFields, maxListBytes }),
    createLangGraph({ unknownFields, maxListBytes }),
    createAgUi({ unknownFields }),
    createOpenAi({ unknownFields }),
    createIntuned(),
    createRestack({ unknownFields }),
    createMcp({ sealerFor, version: readVersion(), retentionMs }),
    createA2a({ uniqueMessageIds, pushes: callbacks, maxListBytes, isProtected, defaultAgent }),
  ];
  const mounts = protocols.map((protocol) => ({ protocol, prefix: protocol.prefix }));
  const root = protocols.find((protocol) => protocol.name === rootProtocol);
  if (root === undefined) throw new TypeError(`no protocol ${rootProtocol} is mounted`);
  return [...mounts, ...(options.servesAdmin ? mountAdmin() : []), { protocol: root, prefix: '' }];
}

export function mountAdmin(): readonly Mount[] {
  const protocol = createAdminProtocol();
  return [{ protocol, prefix: protocol.prefix }];
}

/** Without keys it is for this machine alone, which a port that is open to others cannot tell from them. */
function servesAdmin({ admin, auth }: Config): boolean {
  return admin.enabled && admin.port === null && auth !== 'none';
}

/** Whether a run's `webhook` can be called. */
export function callsWebhooks({ webhooks }: Config): boolean {
  return webhooks.secrets.length > 0 || webhooks.unsigned;
}
