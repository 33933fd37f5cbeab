import { stringifySmall } from '../../compute/json-writer.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import { boundText } from '../../json/bound-text.ts';
import { isJsonObject } from '../../json/json-object.ts';
import { flattenForm } from './forms.ts';

/** An interrupt as a question to a person. */
export type Question = {
  /** Names it among the questions of one answer. */
  readonly key: string;
  /** Parameters of `elicitation/create`. */
  readonly params: JsonObject;
  /** The payload that the content of an accepted form is. */
  readonly toPayload: (content: JsonObject) => Json;
};

/** Members in which agents say what they ask, the likeliest first. */
const askingMembers = ['message', 'question', 'prompt', 'text', 'title', 'description'];
const maxMessage = 4000;
const defaultKey = 'answer';

/** The question that an interrupt puts; null where no form holds its answer. */
export function questionOf(agent: Agent | undefined, interrupt: Json): Question | null {
  const form = flattenForm(schemaOf(agent, interrupt));
  if (form === null) return null;
  return {
    key: typeOf(interrupt) ?? defaultKey,
    params: { mode: 'form', message: messageOf(interrupt), requestedSchema: form.schema },
    toPayload: form.toPayload,
  };
}

/** JSON Schema of the payload that resumes a run; undefined where it is not known. */
export function schemaOf(agent: Agent | undefined, interrupt: Json): JsonObject | undefined {
  const type = typeOf(interrupt);
  const declared = agent?.schemas.interrupts.find((each) => each.type === type)?.resumePayload;
  if (declared !== undefined && Object.keys(declared).length > 0) return declared;
  const own = isJsonObject(interrupt) ? interrupt.schema : undefined;
  return isJsonObject(own) ? own : undefined;
}

/** What an interrupt asks, in words. */
export function messageOf(interrupt: Json): string {
  if (typeof interrupt === 'string') return boundText(interrupt, maxMessage);
  if (isJsonObject(interrupt))
    for (const name of askingMembers) {
      const said = interrupt[name];
      if (typeof said === 'string' && said !== '') return boundText(said, maxMessage);
    }
  return boundText(stringifySmall(interrupt) ?? 'The agent asks a question that is too long to show.', maxMessage);
}

function typeOf(interrupt: Json): string | undefined {
  const type = isJsonObject(interrupt) ? interrupt.interrupt_type : undefined;
  return typeof type === 'string' && type !== '' ? type : undefined;
}
