import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { readJson } from '../../src/json/exact-number.ts';
import { Bell } from './bell.ts';
import { type Answering, type Asked, speak } from './manners.ts';

/** What the gateway wants from a vendor: a new run, a poll of one, or an event for one. */
export type Step = 'start' | 'poll' | 'event';

/** A run of a stand-in. The test decides what a poll of it answers. */
export class VendorRun {
  readonly id: string;
  /** The request that started it. */
  readonly asked: Asked;
  /** Events that were sent to it, in order. */
  readonly events: Asked[] = [];
  /** Members of every answer about it. */
  body: JsonObject;
  /** Polls that were answered. */
  polls = 0;
  readonly #bell: Bell;

  constructor(id: string, asked: Asked, body: JsonObject, bell: Bell) {
    this.id = id;
    this.asked = asked;
    this.body = body;
    this.#bell = bell;
  }

  /** From the next poll on, the answer has these members. */
  say(body: JsonObject): void {
    this.body = body;
  }

  /** Resolves once it was polled at all: a run that has ended by now is not polled again. */
  async seen(): Promise<void> {
    await this.#bell.until(() => this.polls > 0);
  }

  /** Resolves after this many more polls. */
  async polled(times = 1): Promise<void> {
    const target = this.polls + times;
    await this.#bell.until(() => this.polls >= target);
  }

  async gotEvent(index = 0): Promise<Asked> {
    return await this.#bell.until(() => this.events[index]);
  }
}

/** A vendor over a real socket: rules of its own for what it answers, and whatever a test slips in between. */
export abstract class StandIn implements AsyncDisposable {
  /** Every request, in the order of arrival. */
  readonly asked: Asked[] = [];
  readonly runs: VendorRun[] = [];
  readonly bell = new Bell();
  /** Called for each new connection, before anything is read from it. */
  greet: (socket: Socket) => void = () => {};
  /** Chooses another answer for one request; null leaves it as it would be. */
  twist: (step: Step, asked: Asked) => Answering | null = () => null;
  /** Members of the first answers about a new run. */
  plan: (asked: Asked) => JsonObject;
  readonly #server = createServer();
  readonly #sockets = new Set<Socket>();
  readonly #surprises: Record<Step, Answering[]> = { start: [], poll: [], event: [] };
  readonly #held = new Map<Step, (() => void)[]>();
  #turn = 0;
  #port = 0;
  #taken = 0;

  protected constructor(plan: JsonObject) {
    this.plan = () => plan;
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      socket.on('error', () => {});
      this.greet(socket);
    });
    this.#server.on('request', async (request, response) => {
      const { method = '', url: path = '', headers, rawHeaders } = request;
      const whole = await text(request);
      this.#take({ method, path, headers, rawHeaders, body: whole === '' ? null : readJson(whole) }, response);
    });
  }

  /** Which step a request is; null: none that this vendor has. */
  protected abstract stepOf(asked: Asked): Step | null;
  protected abstract answer(step: Step, asked: Asked): { readonly status: number; readonly body: Json };

  get origin(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** The next requests of a step get these instead, one each. */
  surprise(step: Step, ...answerings: readonly Answering[]): void {
    this.#surprises[step].push(...answerings);
  }

  /** The next requests of a step are carried out, and are answered like this all the same. */
  spoil(step: Step, ...answerings: readonly Answering[]): void {
    const spoilt = answerings.map(
      (answering): Answering =>
        (response, asked) => {
          this.answer(step, asked);
          answering(response, asked);
        },
    );
    this.surprise(step, ...spoilt);
  }

  /** How many requests of a step were made. */
  count(step: Step): number {
    return this.asked.filter((asked) => this.stepOf(asked) === step).length;
  }

  async counted(step: Step, times: number): Promise<void> {
    await this.bell.until(() => this.count(step) >= times);
  }

  /** Requests of a step get no answer until the returned function is called. */
  hold(step: Step): () => void {
    const waiting: (() => void)[] = [];
    this.#held.set(step, waiting);
    return () => {
      this.#held.delete(step);
      for (const go of waiting) go();
    };
  }

  /** Runs in the order of their starts; each call takes the next. */
  async nextRun(): Promise<VendorRun> {
    const index = this.#taken++;
    return await this.bell.until(() => this.runs[index]);
  }

  /** Listens, on the same port as before where there was one. */
  async listen(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Connections are refused from now on, and those that stand are dropped. */
  async silence(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.silence();
  }

  #take(asked: Asked, response: ServerResponse): void {
    this.asked.push(asked);
    const step = this.stepOf(asked);
    const waiting = step === null ? undefined : this.#held.get(step);
    if (waiting === undefined) this.#reply(step, asked, response);
    else waiting.push(() => this.#reply(step, asked, response));
    this.bell.ring();
  }

  #reply(step: Step | null, asked: Asked, response: ServerResponse): void {
    const surprise = step === null ? null : (this.#surprises[step].shift() ?? this.twist(step, asked));
    if (surprise !== null) surprise(response, asked);
    else {
      const { status, body } = step === null ? { status: 404, body: 'no such path' } : this.answer(step, asked);
      // No two answers in a row look alike on the wire.
      speak(this.#turn++, response, status, body);
    }
    this.bell.ring();
  }
}
