import type { AdoptionKind, AdoptionTerms } from '../../contract/adapter/adapter.ts';
import { assertNever } from '../../contract/domain/assert-never.ts';
import { isRepeatable } from '../sessions/sessions.ts';
import type { RunContext } from './run-context.ts';

/** What was sent last: the start of a run, or a message to the session of its thread. */
export type CallKind = 'start' | 'message';

const hourMs = 3_600_000;

const usualTerms: AdoptionTerms = { keyLifeMs: 24 * hourMs, settleMs: 120_000, lastCallMs: 70 * 60_000 };

/** How an unsettled call of this run can be settled; `none` where onUnknownStart is to decide at once. */
export function adoptionKindOf({ agent, connection, runPermit }: RunContext, call: CallKind): AdoptionKind {
  if (call === 'message') return isRepeatable(connection.session, agent.target) ? 'start' : 'none';
  const { adopt = 'none' } = agent.capabilities;
  const { adoption } = connection;
  switch (adopt) {
    case 'find':
      return adoption?.find === undefined ? 'none' : 'find';
    case 'push':
      // A run with a sink of its own is not pushed to us. An operator who has unknown starts repeated does not want to
      // wait for a call that may be an hour away.
      return runPermit.sink === null || adoption?.refOfPush === undefined || agent.onUnknownStart === 'retry'
        ? 'none'
        : 'push';
    case 'start':
      return adoption === undefined ? 'none' : 'start';
    case 'none':
      return 'none';
    default:
      return assertNever(adopt);
  }
}

/** How long each way of adoption may help with this run. */
export function adoptionTermsOf({ agent, connection, handle }: RunContext): AdoptionTerms {
  const own = connection.adoption?.termsOf?.(agent.target, handle.run.request.config ?? {});
  const { keyLifeMs, settleMs, lastCallMs } = { ...usualTerms, ...own };
  return { keyLifeMs: Math.min(keyLifeMs, 24 * hourMs), settleMs, lastCallMs };
}
