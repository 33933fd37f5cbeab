import type { Json } from '../contract/domain/json.ts';
import { isJsonObject } from '../json/json-object.ts';
import type { AgentEvent, Script, ScriptedRun } from './script.ts';

/** Waits for a human `rounds` times (default 1) and ends with the last answer. */
export const approve: Script = {
  endsAtMs: () => Number.POSITIVE_INFINITY,
  hears: (name) => name === 'approval' || name === 'resume',
  view(run, nowMs) {
    const { knobs, events, begunAtMs } = run;
    const rounds = knobs.rounds ?? 1;
    const last = events.at(-1);
    // A real engine may still show the question for a moment after it was answered.
    if (last !== undefined && nowMs < last.atMs + (knobs.staleMs ?? 0)) {
      return { kind: 'running', output: askApproval(run, events.length) };
    }
    if (last !== undefined && events.length >= rounds) {
      const endedAtMs = last.atMs + (knobs.staleMs ?? 0);
      return { kind: 'completed', output: { ...readDecision(last.input), rounds: events.length }, endedAtMs };
    }
    if (nowMs < begunAtMs + (knobs.ms ?? 0)) return { kind: 'running' };
    return { kind: 'running', output: askApproval(run, events.length + 1) };
  },
};

/** Stays live and answers each `message`, until an `end` event. */
export const chat: Script = {
  endsAtMs: () => Number.POSITIVE_INFINITY,
  hears: (name) => name === 'message' || name === 'messages',
  view: (run) => ({ kind: 'running', output: recount(run) }),
  answer: recount,
};

/** All that was said, and what the agent said last. */
function recount({ input, events }: ScriptedRun): Json {
  const asked = [...readMessages(input), ...events.flatMap((event) => readMessages(event.input))];
  const messages = asked.flatMap((content, at): { role: string; content: string }[] => [
    { role: 'user', content },
    { role: 'assistant', content: reply(content, at + 1) },
  ]);
  const last = messages.at(-1);
  return { messages, ...(last === undefined ? {} : { response: last.content }) };
}

function askApproval({ knobs, input }: ScriptedRun, round: number): Json {
  const question = knobs.question ?? 'Shall the agent go on?';
  return { interrupt: { interrupt_type: 'approval', question, round, request: input } };
}

/** `true`, `{approved: true, ...}` and the like; anything else is not an approval. */
function readDecision(answer: AgentEvent['input']): { readonly [key: string]: Json } {
  return isJsonObject(answer) ? { ...answer, approved: answer.approved === true } : { approved: answer === true };
}

/** The texts of a message in the forms that chat agents receive. */
function readMessages(value: Json): readonly string[] {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value)) return value.flatMap(readMessages);
  if (!isJsonObject(value) || (value.role !== undefined && value.role !== 'user')) return [];
  for (const name of ['messages', 'message', 'content', 'text']) {
    const found = value[name];
    if (found !== undefined) return readMessages(found);
  }
  return [];
}

function reply(content: string, turn: number): string {
  return `(${turn}) You said: ${content}`;
}
