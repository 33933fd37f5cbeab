import type { Connection } from '../contract/adapter/adapter.ts';
import { UpstreamFault } from '../contract/adapter/http.ts';
import type { UpstreamRef } from '../contract/domain/run.ts';

/**
 * One backend that every tenant has its own credentials for. What was started with one tenant's is looked at, resumed
 * and cancelled with the same: the reference of the run says whose. A tenant without any gets nothing, ever.
 */
export function joinTenants(connections: ReadonlyMap<string, Connection>): Connection {
  const [any] = connections.values();
  const find = (tenant: string | undefined): Connection => {
    const connection = tenant === undefined ? undefined : connections.get(tenant);
    if (connection !== undefined) return connection;
    throw new UpstreamFault({
      consequence: 'rejected',
      kind: 'aborted',
      message: 'the tenant has no credentials for this backend',
    });
  };
  const pick = ({ tenant, ...upstream }: UpstreamRef) => ({ connection: find(tenant), upstream });
  const joined: Connection = {
    async start(request, signal) {
      const { tenant } = request;
      return { ...(await find(tenant).start(request, signal)), tenant: tenant ?? '' };
    },
    async observe(target, ref, signal) {
      const { connection, upstream } = pick(ref);
      return await connection.observe(target, upstream, signal);
    },
  };
  // All are of one adapter: what one of them can, all can.
  if (any?.ownsSink !== undefined) joined.ownsSink = (target, config) => any.ownsSink?.(target, config) ?? false;
  if (any?.resume !== undefined) {
    joined.resume = async (target, ref, resumption, signal) => {
      const { connection, upstream } = pick(ref);
      await connection.resume?.(target, upstream, resumption, signal);
    };
  }
  if (any?.cancel !== undefined) {
    joined.cancel = async (target, ref, signal) => {
      const { connection, upstream } = pick(ref);
      await connection.cancel?.(target, upstream, signal);
    };
  }
  if (any?.openingOf !== undefined) joined.openingOf = (target) => any.openingOf?.(target);
  if (any?.sendMessage !== undefined) {
    joined.sendMessage = async (target, ref, input, signal) => {
      const { connection, upstream } = pick(ref);
      if (connection.sendMessage === undefined) throw new TypeError('the adapters of one backend differ');
      return await connection.sendMessage(target, upstream, input, signal);
    };
  }
  if (any?.endSession !== undefined) {
    joined.endSession = async (target, ref, signal) => {
      const { connection, upstream } = pick(ref);
      await connection.endSession?.(target, upstream, signal);
    };
  }
  return joined;
}
