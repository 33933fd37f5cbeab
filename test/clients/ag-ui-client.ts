import { HttpAgent, type HttpAgentConfig, type RunAgentParameters } from '@ag-ui/client';
import type { BaseEvent, RunFinishedEvent } from '@ag-ui/core';
import { EventSchema } from '@ag-ui/core/schemas';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { Bell } from '../gateway/bell.ts';
import { ask, objectIn, stringIn } from '../gateway/protocols.ts';

/** The published client, unmodified, and what it was sent. */
export class AgUiClient {
  readonly agent: HttpAgent;
  readonly #gateway: string;
  readonly #bell = new Bell();
  events: BaseEvent[] = [];

  constructor(gateway: string, config: HttpAgentConfig) {
    this.#gateway = gateway;
    this.agent = new HttpAgent(config);
  }

  say(text: string): this {
    this.agent.addMessage({ id: `${this.agent.threadId}-${this.agent.messages.length}`, role: 'user', content: text });
    return this;
  }

  async run(parameters: RunAgentParameters = {}) {
    this.events = [];
    const answer = await this.agent.runAgent(parameters, {
      onEvent: ({ event }) => {
        EventSchema.parse(event);
        this.events.push(event);
        this.#bell.ring();
      },
    });
    return {
      ...answer,
      finished: this.events.at(-1) as RunFinishedEvent & { readonly code?: string; readonly message?: string },
    };
  }

  /** Resolves once the run under way has what is looked for. */
  async received(has: () => boolean): Promise<void> {
    await this.#bell.until(has);
  }

  kinds(): readonly string[] {
    return this.events.map(({ type }) => String(type));
  }

  /** The run behind it, as another protocol shows it. */
  async shown(): Promise<JsonObject> {
    const { metadata } = this.events[0] as BaseEvent & { readonly metadata: { readonly rungate: JsonObject } };
    return objectIn(
      (await ask(this.#gateway, 'GET', `/agent-protocol/runs/${stringIn(metadata.rungate, 'run_id')}`)).body,
    );
  }
}
