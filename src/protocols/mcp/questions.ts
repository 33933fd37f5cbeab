import { stringifySmall } from '../../compute/json-writer.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import type { Run } from '../../contract/domain/run.ts';
import { boundText } from '../../json/bound-text.ts';
import { isJsonObject } from '../../json/json-object.ts';
import { listQuestions } from '../../json/listed-questions.ts';
import { flattenForm } from './forms.ts';

/** An interrupt as a question to a person. */
export type Question = {
  /** Names it among the questions of one answer. */
  readonly key: string;
  /** The interrupt lists several, and this is one of them. */
  readonly isListed: boolean;
  /** Parameters of `elicitation/create`. */
  readonly params: JsonObject;
  /** The payload that the content of an accepted form is. */
  readonly toPayload: (content: JsonObject) => Json;
};

/** Members in which agents say what they ask, the likeliest first. */
const askingMembers = ['message', 'question', 'prompt', 'text', 'title', 'description'];
const maxMessage = 4000;
const defaultKey = 'answer';

/** The question or the questions that an interrupt puts; null where no forms hold their answers. */
export function questionsOf(agent: Agent | undefined, interrupt: Json): readonly Question[] | null {
  const listed = listQuestions(interrupt);
  if (listed === null) {
    const question = formOf(agent, interrupt, typeOf(interrupt) ?? defaultKey);
    return question === null ? null : [question];
  }
  const questions = listed.map(({ id, question }) => formOf(agent, question, id)).filter((each) => each !== null);
  return questions.length === listed.length ? questions.map((each) => ({ ...each, isListed: true })) : null;
}

/** The questions of an interrupted run that have no answer yet; null where no forms hold their answers. */
export function openQuestionsOf(agent: Agent | undefined, { status, outcome, partialAnswers = {} }: Run) {
  if (status !== 'interrupted' || outcome?.kind !== 'interrupt') return null;
  return questionsOf(agent, outcome.payload)?.filter(({ key }) => !Object.hasOwn(partialAnswers, key)) ?? null;
}

function formOf(agent: Agent | undefined, interrupt: Json, key: string): Question | null {
  const form = flattenForm(schemaOf(agent, interrupt));
  if (form === null) return null;
  return {
    key,
    isListed: false,
    params: { mode: 'form', message: messageOf(interrupt), requestedSchema: form.schema },
    toPayload: form.toPayload,
  };
}

/** JSON Schema of the payload that resumes a run; undefined where it is not known. */
export function schemaOf(agent: Agent | undefined, interrupt: Json): JsonObject | undefined {
  const type = typeOf(interrupt);
  const declared = agent?.schemas.interrupts.find((each) => each.type === type)?.resumePayload;
  if (declared !== undefined && Object.keys(declared).length > 0) return declared;
  for (const within of [interrupt, isJsonObject(interrupt) ? interrupt.value : undefined]) {
    const own = isJsonObject(within) ? within.schema : undefined;
    if (isJsonObject(own)) return own;
  }
  const listed = listQuestions(interrupt);
  if (listed === null) return undefined;
  const properties = listed.map(({ id, question }) => [id, schemaOf(agent, question) ?? {}] as const);
  return { type: 'object', properties: Object.fromEntries(properties), required: listed.map(({ id }) => id) };
}

/** What an interrupt asks, in words. */
export function messageOf(interrupt: Json): string {
  if (typeof interrupt === 'string') return boundText(interrupt, maxMessage);
  if (isJsonObject(interrupt))
    for (const name of askingMembers) {
      const said = interrupt[name];
      if (typeof said === 'string' && said !== '') return boundText(said, maxMessage);
    }
  // Where interrupts are values of a program, as LangGraph's are.
  const value = isJsonObject(interrupt) ? interrupt.value : undefined;
  if (typeof value === 'string' || isJsonObject(value)) return messageOf(value);
  const listed = listQuestions(interrupt);
  if (listed !== null) return boundText(listed.map(({ question }) => messageOf(question)).join('\n'), maxMessage);
  return boundText(stringifySmall(interrupt) ?? 'The agent asks a question that is too long to show.', maxMessage);
}

function typeOf(interrupt: Json): string | undefined {
  const type = isJsonObject(interrupt) ? interrupt.interrupt_type : undefined;
  return typeof type === 'string' && type !== '' ? type : undefined;
}
