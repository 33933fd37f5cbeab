import type { JsonObject } from '../../src/contract/domain/json.ts';
import type { RunAnswer } from './client.ts';
import type { Answering, Asked } from './manners.ts';
import { openSite, type Site, scraper, support } from './site.ts';
import { IntunedStandIn, RestackStandIn, secrets } from './stand-ins.ts';
import type { StandIn, Step } from './vendor.ts';

/** What one run met: requests for its start, runs that came of them, polls of these, and what the client got. */
export type Met = {
  readonly output: RunAnswer;
  readonly starts: number;
  readonly started: number;
  readonly polls: number;
};

/**
 * One gateway and both vendors for many faulty runs at once. A run is known by its input; each request of one step
 * meets the next of its faults, and after the last one the run is done.
 */
export class FaultRig {
  readonly site: Site;
  readonly intuned: IntunedStandIn;
  readonly restack: RestackStandIn;
  readonly #faults = new Map<string, Answering[]>();
  #cases = 0;

  /** `patienceSeconds` is the time-out of a vendor call. */
  static async open(agent: JsonObject = {}, patienceSeconds = 30): Promise<FaultRig> {
    const [intuned, restack] = [await IntunedStandIn.open(), await RestackStandIn.open()];
    restack.token = secrets.token;
    const agents = [
      { ...scraper, ...agent },
      { ...support, ...agent },
    ];
    const site = await openSite({ intuned, restack, agents, backend: { requestTimeoutSeconds: patienceSeconds } });
    return new FaultRig(site, intuned, restack);
  }

  private constructor(site: Site, intuned: IntunedStandIn, restack: RestackStandIn) {
    this.site = site;
    this.intuned = intuned;
    this.restack = restack;
    for (const vendor of this.vendors) {
      vendor.plan = () => ({ status: 'completed', result: 'ran', output: 'ran' });
      vendor.twist = (step, asked) => {
        const start = step === 'start' ? asked : vendor.runs.find(({ id }) => asked.path.includes(id))?.asked;
        return start === undefined ? null : (this.#faults.get(`${step} of ${caseOf(start)}`)?.shift() ?? null);
      };
    }
  }

  get vendors(): readonly [IntunedStandIn, RestackStandIn] {
    return [this.intuned, this.restack];
  }

  /** A run at each vendor whose start meets these faults, one after the other. */
  async startMeets(...faults: readonly Answering[]): Promise<readonly [Met, Met]> {
    return await this.#bothMeet('start', faults);
  }

  /** A run at each vendor that meets these faults when it is polled. */
  async pollMeets(...faults: readonly Answering[]): Promise<readonly [Met, Met]> {
    return await this.#bothMeet('poll', faults);
  }

  async close(): Promise<void> {
    await this.site[Symbol.asyncDispose]();
    for (const vendor of this.vendors) await vendor[Symbol.asyncDispose]();
  }

  async #bothMeet(step: Step, faults: readonly Answering[]): Promise<readonly [Met, Met]> {
    const name = `case ${this.#cases++}`;
    return await Promise.all([
      this.#meet(this.intuned, 'price-scraper', `${name} at Intuned`, step, faults),
      this.#meet(this.restack, 'support', `${name} at Restack`, step, faults),
    ]);
  }

  async #meet(vendor: StandIn, agent: string, name: string, step: Step, faults: readonly Answering[]): Promise<Met> {
    this.#faults.set(`${step} of ${name}`, [...faults]);
    const output = await this.site.client.run({ agent_id: agent, input: { case: name } });
    const started = vendor.runs.filter(({ asked }) => caseOf(asked) === name);
    return {
      output,
      starts: vendor.asked.filter((asked) => asked.method === 'POST' && caseOf(asked) === name).length,
      started: started.length,
      polls: vendor.asked.filter(({ method, path }) => method === 'GET' && started.some(({ id }) => path.includes(id)))
        .length,
    };
  }
}

/** Both vendors' wire: Intuned takes `parameters`, Restack `input`. */
function caseOf({ body }: Asked): string {
  const { parameters, input } = (body ?? {}) as { parameters?: JsonObject; input?: JsonObject };
  return String((parameters ?? input)?.case);
}
