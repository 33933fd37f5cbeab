/** The revision in which each request stands for itself. */
export const statelessVersion = '2026-07-28';
/** Those that begin with a handshake, newest first. */
export const handshakeVersions: readonly string[] = ['2025-11-25', '2025-06-18', '2025-03-26'];
export const supportedVersions: readonly string[] = [statelessVersion, ...handshakeVersions];

export const tasksExtension = 'io.modelcontextprotocol/tasks';
export const metaKeys = {
  version: 'io.modelcontextprotocol/protocolVersion',
  capabilities: 'io.modelcontextprotocol/clientCapabilities',
  subscriptionId: 'io.modelcontextprotocol/subscriptionId',
  serverInfo: 'io.modelcontextprotocol/serverInfo',
} as const;

export type MessageId = string | number;
