import type { Connection } from '../../contract/adapter/adapter.ts';
import { UpstreamFault } from '../../contract/adapter/http.ts';
import type { VendorAnswer, VendorCall, VendorCalls } from '../../contract/api/vendor-calls.ts';
import type { AgentDirectory } from '../../contract/domain/agent.ts';
import type { Clock } from '../../contract/domain/clock.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { Log } from '../../contract/domain/log.ts';
import type { Backends } from '../limits/backends.ts';
import type { CallQueue } from '../limits/call-queue.ts';
import type { Stops } from '../limits/stops.ts';
import { agentAt } from '../placement.ts';

/** A backend that passes on what it is asked for. */
export type PassingBackend = {
  readonly name: string;
  /** The name of its adapter. */
  readonly vendor: string;
  /** The connection with the credentials that the tenant's calls use. */
  readonly connectionFor: (tenant: string) => Connection;
};

export type PassedCallsDeps = {
  readonly backends: Pick<Backends, 'of'>;
  /** Those of the config in force. */
  readonly passing: () => readonly PassingBackend[];
  readonly agents: AgentDirectory;
  readonly stops: Pick<Stops, 'find'>;
  readonly clock: Clock;
  readonly log: Log;
};

/** A client waits for its turn within the budget of the account no longer than this. */
const maxWaitMs = 10_000;

/** Passes on what makes no run, within the budgets and behind the circuit breakers that runs have. */
export class PassedCalls implements VendorCalls {
  readonly #deps: PassedCallsDeps;

  constructor(deps: PassedCallsDeps) {
    this.#deps = deps;
  }

  async pass(call: VendorCall): Promise<VendorAnswer> {
    const backend = this.#find(call);
    if (call.begins) this.#refuseStopped(backend, call.tenant);
    const native = backend.connectionFor(call.tenant).native;
    const account = this.#deps.backends.of(backend.name, call.tenant);
    account.hold();
    try {
      const permit = await this.#enter(account.callQueue, call);
      const { method, path, query, body, signal } = call;
      const answer = await permit.send(async () => await native?.pass?.({ method, path, query, body }, signal));
      if (answer === undefined) throw new GatewayError('route_not_found');
      return { status: answer.status, body: answer.bytes === 0 ? undefined : answer.raw };
    } catch (error) {
      if (!(error instanceof UpstreamFault)) throw error;
      return this.#translate(error, backend.name);
    } finally {
      account.release();
    }
  }

  #find({ vendor, tenant, place, agents }: VendorCall): PassingBackend {
    const here = this.#deps.passing().filter((each) => each.vendor === vendor);
    const backend = here.find(
      ({ name, connectionFor }) =>
        connectionFor(tenant).native?.pass !== undefined &&
        (Object.values(place).includes(name) || connectionFor(tenant).native?.serves(place) === true),
    );
    if (backend === undefined) {
      const detail = 'no backend with `passthrough` serves this place for the caller';
      throw new GatewayError('route_not_found', { detail });
    }
    if (agents !== undefined && !this.#opens(backend, agents)) {
      const detail = 'it is limited to agents, and none of them leaves to the request what to run at this backend';
      throw new GatewayError('agent_forbidden', { detail });
    }
    return backend;
  }

  /** A key that is limited to agents reaches the rest of the vendor's API by one that is open to all of it. */
  #opens({ name }: PassingBackend, agents: ReadonlySet<string>): boolean {
    return this.#deps.agents.all.some(
      (agent) => agents.has(agent.name) && agent.native?.isOpen === true && agentAt(agent, name) !== null,
    );
  }

  #refuseStopped({ name }: PassingBackend, tenant: string): void {
    const { stops } = this.#deps;
    const stop = stops.find({ kind: 'backend', name }) ?? stops.find({ kind: 'tenant', name: tenant });
    if (stop === null) return;
    const detail = 'an operator has stopped starts there';
    throw new GatewayError('vendor_unavailable', { retryAfterSeconds: stoppedRetrySeconds, detail });
  }

  async #enter(queue: CallQueue, { tenant, signal }: VendorCall) {
    if (!queue.takesStarts) throw unavailable(queue.accountHindrance()?.forMs ?? null);
    const wait = new AbortController();
    const cancel = this.#deps.clock.schedule(maxWaitMs, () => wait.abort());
    try {
      const permit = await queue.enter('start', { tenant, signal: AbortSignal.any([signal, wait.signal]) }).permit;
      if (permit === null) throw unavailable(queue.hindrance('start')?.forMs ?? null);
      return permit;
    } finally {
      cancel();
    }
  }

  #translate(fault: UpstreamFault, backend: string): VendorAnswer {
    const { kind, httpStatus, answer, message, retryAfterMs, consequence } = fault;
    if (kind === 'http-status' && httpStatus !== null) {
      return {
        status: httpStatus,
        body: answer ?? undefined,
        reason: message,
        retryAfterSeconds: retryAfterMs === null ? undefined : Math.ceil(retryAfterMs / 1000),
      };
    }
    this.#deps.log.debug({ backend, kind, reason: message }, 'vendor call failed');
    if (kind === 'refused' || kind === 'reset') throw unavailable(null);
    const sent = consequence === 'unknown' ? '; it may have done what it was asked' : '';
    throw new GatewayError('vendor_failed', { detail: `${message}${sent}`, cause: fault });
  }
}

const usualRetrySeconds = 5;
const stoppedRetrySeconds = 60;

function unavailable(forMs: number | null): GatewayError {
  const retryAfterSeconds = forMs === null ? usualRetrySeconds : Math.max(1, Math.ceil(forMs / 1000));
  return new GatewayError('vendor_unavailable', { retryAfterSeconds });
}
