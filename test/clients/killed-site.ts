import { KilledGateways, type KillPlace } from '../gateway/killed-gateways.ts';
import { support } from '../gateway/site.ts';
import { RestackStandIn } from '../gateway/stand-ins.ts';

const text = { type: 'object', required: ['message'], properties: { message: { type: 'string' } } };
const agent = { ...support, mapping: { interrupt: 'output.interrupt' }, schemas: { input: text } };

/** What the agent shows, one by one; each is where a round may kill. */
export const shown = ['Once', 'Once upon', 'Once upon a time'];
export const whole = 'Once upon a time.';

/** Gateways to kill under the runs of an agent that takes a text, may ask, and answers when the test lets its vendor answer. */
export type KilledSite = AsyncDisposable & { readonly restack: RestackStandIn; readonly gateways: KilledGateways };

export async function openKilledSite(place: KillPlace): Promise<KilledSite> {
  const restack = await RestackStandIn.open();
  restack.plan = () => ({ status: 'running' });
  const gateways = await KilledGateways.open(place, {
    pacing: { floorMs: 20, watchedCeilingMs: 100, ceilingMs: 200 },
    backends: { restack: { adapter: 'restack', baseUrl: restack.origin } },
    agents: [agent],
  });
  return {
    restack,
    gateways,
    [Symbol.asyncDispose]: async () => {
      await gateways[Symbol.asyncDispose]();
      await restack[Symbol.asyncDispose]();
    },
  };
}
