import { z } from 'zod';
import type { RpcCall } from '../../src/contract/adapter/rpc.ts';
import type { Json } from '../../src/contract/domain/json.ts';
import type { Upstream } from '../../src/upstream/connect.ts';

/** A call whose messages are plain text. */
export function rpc(upstream: Upstream, more: Partial<RpcCall<Json>> = {}) {
  return upstream.client.rpc<Json>({
    purpose: 'start',
    retry: 'at-most-once',
    path: '/test.Service/Ping',
    message: Buffer.from('ping'),
    decode: (message) => Buffer.from(message).toString(),
    answer: z.json() as z.ZodType<Json>,
    ...more,
  });
}
