import type { Json, JsonObject } from '../contract/domain/json.ts';
import { isJsonObject } from './json-object.ts';

/** One question of an interrupt that lists several; it says what it asks as an interrupt of its own would. */
export type ListedQuestion = { readonly id: string; readonly question: JsonObject };

const maxQuestions = 50;

/**
 * The questions that an interrupt lists as `questions`, each an object with an `id` of its own; its answer is an object with
 * the answer to each under that id. Null for an interrupt that is one question.
 */
export function listQuestions(interrupt: Json | undefined): readonly ListedQuestion[] | null {
  const listed = isJsonObject(interrupt) ? interrupt.questions : undefined;
  if (!Array.isArray(listed) || listed.length === 0 || listed.length > maxQuestions) return null;
  const questions = listed.flatMap((question: Json): ListedQuestion[] => {
    const id = isJsonObject(question) ? question.id : undefined;
    return isJsonObject(question) && typeof id === 'string' && id !== '' ? [{ id, question }] : [];
  });
  const isWhole = questions.length === listed.length && new Set(questions.map(({ id }) => id)).size === listed.length;
  return isWhole ? questions : null;
}
