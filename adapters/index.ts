import type { Adapter } from '../src/contract/adapter/adapter.ts';
import { agentcore } from './agentcore/adapter.ts';
import { dify } from './dify/adapter.ts';
import { intuned } from './intuned/adapter.ts';
import { mcp } from './mcp/adapter.ts';
import { restack } from './restack/adapter.ts';
import { temporal } from './temporal/adapter.ts';

/** Every adapter that a config may name. */
export const adapters: readonly Adapter[] = [intuned, restack, temporal, dify, agentcore, mcp];
