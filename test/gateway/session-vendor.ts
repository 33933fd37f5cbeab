import type { Json } from '../../src/contract/domain/json.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import type { Asked } from './manners.ts';
import { RestackStandIn } from './stand-ins.ts';
import type { Step, VendorRun } from './vendor.ts';

/** What an event was, in the vendor's words. */
type Event = { readonly eventName?: string; readonly eventInput?: Json };

/**
 * A Restack engine with sessions: an agent remembers its messages, answers each `message` with all of them, and ends at
 * an `end`. While it is live it shows its last answer, unless it is `silent`, as real agents are.
 */
export class SessionStandIn extends RestackStandIn {
  silent = false;
  /** Answers events with ids alone, and shows what an agent says to them only once {@link catchUp} is called. */
  accepts = false;
  /** Its answer to the newest message. */
  replyTo: (heard: readonly Json[]) => Json = (heard) => ({ heard, reply: `${heard.length}: ${textOf(heard.at(-1))}` });
  readonly #heard = new Map<VendorRun, Json[]>();

  static override async open(): Promise<SessionStandIn> {
    const vendor = new SessionStandIn({ status: 'running' });
    await vendor.listen();
    return vendor;
  }

  /** The only agent that was ever scheduled, or the one of this turn. */
  agent(at = 0): VendorRun {
    const run = this.runs[at];
    if (run === undefined) throw new Error(`no agent ${at} was scheduled`);
    return run;
  }

  /** Names of the events that reached the vendor, answered or not. */
  get eventNames(): readonly string[] {
    return this.asked.filter(({ method }) => method === 'PUT').map(({ body }) => eventOf(body).eventName ?? '');
  }

  /** The input and the messages of the session, in order. */
  heardBy(run: VendorRun): readonly Json[] {
    return this.#heard.get(run) ?? [];
  }

  /** The agent has handled the messages that were accepted. */
  catchUp(run: VendorRun): void {
    this.#show(run);
  }

  /** The vendor no longer knows the agent. */
  forget(run: VendorRun): void {
    this.runs.splice(this.runs.indexOf(run), 1);
  }

  protected override answer(step: Step, asked: Asked): { readonly status: number; readonly body: Json } {
    if (step === 'event') return this.#hear(asked);
    const said = super.answer(step, asked);
    const run = this.runs.at(-1);
    if (step === 'start' && said.status === 200 && run !== undefined) {
      const input = isJsonObject(asked.body) ? (asked.body.input ?? null) : null;
      const opens = isJsonObject(input) && input.text !== undefined;
      this.#heard.set(run, opens ? [input] : []);
      this.#show(run);
    }
    return said;
  }

  #hear(asked: Asked): { readonly status: number; readonly body: Json } {
    const id = asked.path.split('/').at(-1);
    const run = this.runs.find((each) => each.id === id);
    if (run !== undefined && run.body.status !== 'running') {
      return { status: 409, body: { error: `agent is ${JSON.stringify(run.body.status)}` } };
    }
    const said = super.answer('event', asked);
    if (run === undefined || said.status !== 200) return said;
    const { eventName, eventInput = null } = eventOf(asked.body);
    if (eventName === 'end') {
      run.say({ status: 'completed', output: { heard: [...this.heardBy(run)] } });
      return said;
    }
    if (eventName !== 'message') return { status: 400, body: { error: `no event ${eventName}` } };
    const heard = [...this.heardBy(run), eventInput];
    this.#heard.set(run, heard);
    if (this.accepts) return { status: 200, body: { updateId: `u${heard.length}`, workflowRunId: run.id } };
    this.#show(run);
    return { status: 200, body: this.replyTo(heard) };
  }

  #show(run: VendorRun): void {
    const heard = this.heardBy(run);
    const shows = !this.silent && heard.length > 0;
    run.say({ status: 'running', ...(shows ? { output: this.replyTo(heard) } : {}) });
  }
}

function textOf(heard: Json | undefined): string {
  return isJsonObject(heard) && typeof heard.text === 'string' ? heard.text : '';
}

function eventOf(body: Json): Event {
  return isJsonObject(body) ? (body as Event) : {};
}
