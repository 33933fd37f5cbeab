import { useState } from 'preact/hooks';
import { html } from './view.js';

/** @typedef {{ type?: string | readonly string[], enum?: readonly unknown[], properties?: Record<string, Schema>, required?: readonly string[], description?: string, title?: string, default?: unknown, examples?: readonly unknown[], format?: string, minimum?: number, maximum?: number, minLength?: number, const?: unknown }} Schema */

/** Whether a field is enough for it; what is not is written as JSON. */
const isPlain = ({ type, enum: values }) =>
  values !== undefined || ['string', 'number', 'integer', 'boolean'].includes(String(type));

/** @param {Schema} schema */
function firstValue(schema) {
  return schema.examples?.[0] ?? schema.default;
}

/**
 * A form made of a JSON Schema: fields for the members of an object, JSON for what has no field. The gateway checks what
 * is sent; the form only helps to write it.
 *
 * @param {{ schema: Schema, submit: string, onSubmit: (value: unknown) => void, onChange?: (value: unknown) => void }} props
 */
export function SchemaForm({ schema, submit, onSubmit, onChange = () => {} }) {
  const properties = Object.entries(schema.properties ?? {});
  const hasFields = properties.length > 0;
  const [value, setValue] = useState(() => firstValue(schema) ?? (hasFields ? defaultsOf(properties) : {}));
  const [text, setText] = useState(/** @type {string | null} */ (hasFields ? null : JSON.stringify(value, null, 2)));
  const [problem, setProblem] = useState('');
  const change = (/** @type {any} */ next) => {
    setValue(next);
    onChange(next);
  };
  const changeText = (/** @type {string} */ written) => {
    setText(written);
    try {
      change(JSON.parse(written));
      setProblem('');
    } catch (error) {
      setProblem(/** @type {Error} */ (error).message);
    }
  };
  const send = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    if (problem === '') onSubmit(value);
  };
  return html`<form onSubmit=${send}>
    ${
      text === null
        ? properties.map(
            ([name, each]) =>
              html`<${Field} key=${name} name=${name} schema=${each} isRequired=${schema.required?.includes(name) ?? false} value=${value?.[name]} onChange=${(given) => change(withMember(value, name, given))} />`,
          )
        : html`<label>JSON<textarea name="json" spellcheck=${false} onInput=${(event) => changeText(event.currentTarget.value)}>${text}</textarea></label>`
    }
    ${problem !== '' && html`<p class="problem" role="alert">${problem}</p>`}
    <p class="buttons"><button class="strong" disabled=${problem !== ''}>${submit}</button>
      ${hasFields && html`<button type="button" onClick=${() => setText(text === null ? JSON.stringify(value, null, 2) : null)}>${text === null ? 'As JSON' : 'As a form'}</button>`}
    </p>
  </form>`;
}

/** @param {readonly [string, Schema][]} properties */
function defaultsOf(properties) {
  const known = properties.map(([name, schema]) => [
    name,
    firstValue(schema) ?? (schema.const !== undefined ? schema.const : schema.type === 'boolean' ? false : undefined),
  ]);
  return Object.fromEntries(known.filter(([, value]) => value !== undefined));
}

/**
 * @param {any} value
 * @param {string} name
 * @param {unknown} given
 */
function withMember(value, name, given) {
  const { [name]: _, ...rest } = value ?? {};
  return given === undefined ? rest : { ...rest, [name]: given };
}

function Field({ name, schema, isRequired, value, onChange }) {
  const label = html`${schema.title ?? name}${isRequired ? ' *' : ''} ${schema.description && html`<span class="faint">${schema.description}</span>`}`;
  if (schema.enum !== undefined)
    return html`<label>${label}<select name=${name} value=${JSON.stringify(value) ?? ''} required=${isRequired} onChange=${(event) => onChange(event.currentTarget.value === '' ? undefined : JSON.parse(event.currentTarget.value))}>
      <option value=""></option>${schema.enum.map((each) => html`<option value=${JSON.stringify(each)}>${String(each)}</option>`)}</select></label>`;
  if (schema.type === 'boolean')
    return html`<label><input type="checkbox" name=${name} checked=${value === true} onChange=${(event) => onChange(event.currentTarget.checked)} /> ${label}</label>`;
  if (schema.type === 'number' || schema.type === 'integer')
    return html`<label>${label}<input type="number" name=${name} step=${schema.type === 'integer' ? 1 : 'any'} min=${schema.minimum} max=${schema.maximum} required=${isRequired} value=${value ?? ''} onInput=${(event) => onChange(event.currentTarget.value === '' ? undefined : event.currentTarget.valueAsNumber)} /></label>`;
  if (isPlain(schema))
    return html`<label>${label}<input name=${name} type=${schema.format === 'uri' ? 'url' : 'text'} required=${isRequired} minlength=${schema.minLength} value=${value ?? ''} onInput=${(event) => onChange(event.currentTarget.value === '' && !isRequired ? undefined : event.currentTarget.value)} /></label>`;
  return html`<label>${label}<textarea name=${name} spellcheck=${false} onChange=${(event) => onChange(parseOr(event.currentTarget))}>${value === undefined ? '' : JSON.stringify(value, null, 2)}</textarea></label>`;
}

/** @param {HTMLTextAreaElement} field */
function parseOr(field) {
  field.setCustomValidity('');
  if (field.value.trim() === '') return undefined;
  try {
    return JSON.parse(field.value);
  } catch (error) {
    field.setCustomValidity(`not JSON: ${/** @type {Error} */ (error).message}`);
    return undefined;
  }
}
