import type { Answer } from '../contract/api/protocol.ts';

type JsonAnswer = Extract<Answer, { kind: 'json' }>;

/** The texts of answers. Those of lasting ones are made once, and go with them. */
export class JsonTexts {
  readonly #lasting = new WeakMap<JsonAnswer, string>();

  of(answer: JsonAnswer): string {
    const known = answer.lasting === true ? this.#lasting.get(answer) : undefined;
    if (known !== undefined) return known;
    const text = JSON.stringify(answer.body);
    if (answer.lasting === true) this.#lasting.set(answer, text);
    return text;
  }
}
