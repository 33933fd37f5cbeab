import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { html } from './view.js';

/**
 * @typedef {{ title: string, text: string, confirm: string, field?: string, answer: (given: string | null) => void }} Question
 */

const question = signal(/** @type {Question | null} */ (null));
const notice = signal(/** @type {{ text: string, isProblem: boolean } | null} */ (null));
let hideTimer = 0;

/**
 * Asks the reader. Resolves with what was typed, with '' where nothing had to be, and with null for no.
 *
 * @param {{ title: string, text: string, confirm: string, field?: string }} asked
 * @returns {Promise<string | null>}
 */
export function confirmed(asked) {
  return new Promise((resolve) => {
    question.value = {
      ...asked,
      answer: (given) => {
        question.value = null;
        resolve(given);
      },
    };
  });
}

/**
 * @param {string} text
 * @param {{ isProblem?: boolean }} [options]
 */
function say(text, { isProblem = false } = {}) {
  notice.value = { text, isProblem };
  clearTimeout(hideTimer);
  hideTimer = setTimeout(
    () => {
      notice.value = null;
    },
    isProblem ? 15_000 : 6_000,
  );
}

/**
 * Does something and says how it went.
 *
 * @template T
 * @param {() => Promise<T>} action
 * @param {(result: T) => string} describe
 * @returns {Promise<T | undefined>}
 */
export async function act(action, describe) {
  try {
    const result = await action();
    say(describe(result));
    return result;
  } catch (error) {
    say(/** @type {Error} */ (error).message, { isProblem: true });
    return undefined;
  }
}

export function Dialogs() {
  const element = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const asked = question.value;
  useEffect(() => {
    if (asked !== null && element.current?.open === false) element.current.showModal();
  }, [asked]);
  const said = notice.value;
  return html`
    ${
      asked !== null &&
      html`<dialog ref=${element} onCancel=${() => asked.answer(null)} aria-labelledby="question">
        <form method="dialog" onSubmit=${(/** @type {SubmitEvent} */ event) => {
          event.preventDefault();
          const form = /** @type {HTMLFormElement} */ (event.currentTarget);
          asked.answer(String(new FormData(form).get('field') ?? ''));
        }}>
          <h2 id="question">${asked.title}</h2>
          <p>${asked.text}</p>
          ${asked.field !== undefined && html`<label>${asked.field}<input name="field" required autofocus maxlength="500" /></label>`}
          <p class="buttons">
            <button type="button" onClick=${() => asked.answer(null)}>No, leave it</button>
            <button class="strong" autofocus=${asked.field === undefined}>${asked.confirm}</button>
          </p>
        </form>
      </dialog>`
    }
    <div class="notice ${said?.isProblem ? 'problem' : ''}" role="status" hidden=${said === null}>${said?.text}</div>
  `;
}
