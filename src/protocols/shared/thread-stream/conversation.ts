import { randomUUID } from 'node:crypto';
import type { Api } from '../../../contract/api/api.ts';
import type { Conversation, Peer } from '../../../contract/api/protocol.ts';
import { GatewayError } from '../../../contract/domain/errors.ts';
import type { JsonObject } from '../../../contract/domain/json.ts';
import type { ThreadKey } from '../../../contract/domain/thread.ts';
import { type Commands, encodeFault, encodeSuccess, execute } from './commands.ts';
import {
  CommandFault,
  type EventFilter,
  eventStreamRequest,
  parseParams,
  reconnectParams,
  type StreamingCommand,
  streamingCommand,
  unsubscribeParams,
} from './streaming-requests.ts';
import { type FilteredEvents, watchThread } from './thread-event-filter.ts';

const maxSubscriptions = 32;

/** A command's result, and what starts after the client has it. */
type CommandResult = { readonly result: JsonObject; readonly after?: () => void };

/**
 * The Agent Protocol over one WebSocket: commands and subscriptions. The id of a subscription contains its filter, so
 * that another connection, also to another replica, can continue it.
 */
export class ThreadConversation implements Conversation {
  readonly #commands: Commands;
  readonly #thread: ThreadKey;
  readonly #peer: Peer;
  /** By the id of the subscription. */
  readonly #subscriptions = new Map<string, FilteredEvents>();
  #closed = false;

  constructor(commands: Commands, thread: ThreadKey, peer: Peer) {
    this.#commands = commands;
    this.#thread = thread;
    this.#peer = peer;
  }

  async receive(message: unknown, enter: () => Promise<Api>): Promise<void> {
    const { id = null } = streamingCommand.pick({ id: true }).safeParse(message).data ?? {};
    const parsed = streamingCommand.safeParse(message);
    if (!parsed.success || id === null) {
      const fault = new CommandFault('invalid_argument', 'a command has a number as id and a text as method');
      return await this.#peer.send(encodeFault(id, fault));
    }
    try {
      const { result, after } = await this.#execute(await enter(), parsed.data);
      await this.#peer.send(encodeSuccess(id, result));
      after?.();
    } catch (fault) {
      if (!(fault instanceof CommandFault || fault instanceof GatewayError)) throw fault;
      await this.#peer.send(encodeFault(id, fault));
    }
  }

  async refuse(error: GatewayError): Promise<void> {
    await this.#peer.send(encodeFault(null, error));
  }

  close(): void {
    this.#closed = true;
    for (const events of this.#subscriptions.values()) void events.return();
    this.#subscriptions.clear();
  }

  async #execute(api: Api, command: StreamingCommand): Promise<CommandResult> {
    const { method, params = {} } = command;
    switch (method) {
      case 'subscription.subscribe': {
        const { since = null, channels, namespaces, depth } = parseParams(eventStreamRequest, params);
        const id = nameSubscription({ channels, namespaces, depth });
        return { result: { subscription_id: id }, after: await this.#subscribe(api, id, since) };
      }
      case 'subscription.unsubscribe': {
        const { subscription_id: id } = parseParams(unsubscribeParams, params);
        if (!this.#subscriptions.has(id)) throw noSubscription();
        this.#drop(id);
        return { result: {} };
      }
      case 'subscription.reconnect': {
        const { subscriptions, last_event_id, since } = parseParams(reconnectParams, params);
        const lastSeen = since ?? (last_event_id === undefined ? null : Number(last_event_id));
        const begins: (() => void)[] = [];
        // All ids are checked before the first subscription is restarted.
        const ids = [...new Set(subscriptions ?? this.#subscriptions.keys())];
        for (const id of ids) readSubscription(id);
        for (const id of ids) begins.push(await this.#subscribe(api, id, lastSeen));
        return {
          result: { restored: ids.length > 0 },
          after: () => {
            for (const begin of begins) begin();
          },
        };
      }
      default:
        return { result: await execute(this.#commands, api, this.#thread, command) };
    }
  }

  /** Opens a subscription; the result starts sending its events. */
  async #subscribe(api: Api, id: string, lastSeen: number | null): Promise<() => void> {
    this.#drop(id);
    if (this.#subscriptions.size >= maxSubscriptions) {
      throw new CommandFault('invalid_argument', `a connection has at most ${maxSubscriptions} subscriptions`);
    }
    const events = await watchThread(api, this.#thread, readSubscription(id), lastSeen);
    if (this.#closed) void events.return();
    else this.#subscriptions.set(id, events);
    return () => void this.#pump(id, events);
  }

  async #pump(id: string, events: FilteredEvents): Promise<void> {
    try {
      for await (const batch of events) {
        for (const { data } of batch) if (this.#subscriptions.get(id) === events) await this.#peer.send(data);
      }
    } catch (fault) {
      // The client can continue with the same id once the store answers.
      const error = fault instanceof GatewayError ? fault : new GatewayError('internal', { cause: fault });
      await this.#peer.send(encodeFault(null, error));
    }
    // The stream ended by itself: the thread was removed, or the store is unavailable.
    if (this.#subscriptions.get(id) === events) this.#peer.end();
  }

  #drop(id: string): void {
    void this.#subscriptions.get(id)?.return();
    this.#subscriptions.delete(id);
  }
}

function nameSubscription(filter: EventFilter): string {
  return `${randomUUID()}.${Buffer.from(JSON.stringify(filter)).toString('base64url')}`;
}

/** The filter of a subscription, from its id. Throws `CommandFault`. */
function readSubscription(id: string): EventFilter {
  const [, text = ''] = id.split('.');
  try {
    return eventStreamRequest.parse(JSON.parse(Buffer.from(text, 'base64url').toString()));
  } catch {
    throw noSubscription();
  }
}

function noSubscription(): CommandFault {
  return new CommandFault('no_such_subscription', 'no subscription has this id');
}
