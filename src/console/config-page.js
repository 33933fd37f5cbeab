import { useState } from 'preact/hooks';
import { act } from './dialogs.js';
import { useReading } from './live.js';
import { Json, Loaded, State } from './parts.js';
import { ask, mayAct, read } from './server.js';
import { html } from './view.js';
import { plural, since } from './words.js';

/** @typedef {{ problems: readonly string[], changes: readonly { path: string, before: unknown, after: unknown }[] }} Check */

export function ConfigPage() {
  const reading = useReading('config', () => read('/config'), { on: ['config'] });
  const [check, setCheck] = useState(/** @type {Check | null} */ (null));
  const [outcome, setOutcome] = useState(
    /** @type {{ applied: boolean, problems: readonly string[] } | null} */ (null),
  );
  const compare = async () => {
    setOutcome(null);
    setCheck(
      (await act(
        () => ask('POST', '/config:check', {}),
        ({ problems }) => (problems.length === 0 ? 'The file would be taken.' : 'The file would be refused.'),
      )) ?? null,
    );
  };
  const reload = async () => {
    setCheck(null);
    setOutcome(
      (await act(
        () => ask('POST', '/config:reload'),
        ({ applied }) => (applied ? 'The file is in force.' : 'The file was refused; the old config stays in force.'),
      )) ?? null,
    );
    reading.refresh();
  };
  return html`<section><h2>Config</h2><${Loaded} reading=${reading}>${(/** @type {any} */ config) => html`
    <p><code>${config.file}</code>, hash <code data-hash>${config.hash}</code>, in force for ${since(config.loaded_at)}.</p>
    <p class="buttons"><button onClick=${compare}>Check the file</button>
      ${mayAct() && html`<button class="strong" onClick=${reload}>Reload</button>`}</p>
    ${outcome && html`<${Problems} title=${outcome.applied ? 'Reloaded.' : 'Refused; the old config stays in force.'} problems=${outcome.problems} />`}
    ${check && html`<${Problems} title=${check.problems.length > 0 ? 'It would be refused.' : `It would be taken, with ${plural(check.changes.length, 'change')}.`} problems=${check.problems} />`}
    ${
      check !== null &&
      check.changes.length > 0 &&
      html`<div class="scroll"><table class="rows"><thead><tr><th>where</th><th>now</th><th class="wide">after a reload</th></tr></thead>
      <tbody>${check.changes.map(({ path, before, after }) => html`<tr><td><code>${path}</code></td><td><code>${JSON.stringify(before)}</code></td><td class="wide"><code>${JSON.stringify(after)}</code></td></tr>`)}</tbody></table></div>`
    }
    <h3>Reloads of this replica</h3>
    <div class="scroll"><table class="rows" data-history><thead><tr><th>when</th><th>what became of it</th><th>asked by</th><th>config</th><th class="wide">why</th></tr></thead>
    <tbody>${config.history.map(
      (/** @type {any} */ { at, times, cause, outcome, hash_before: before, hash, problems }) =>
        html`<tr><td>${since(at)} ago${times > 1 ? `, ${times} times` : ''}</td><td><${State} of=${outcome === 'refused' ? 'error' : 'success'} text=${outcome} /></td>
        <td>${cause}</td><td><code>${before === null || before === hash ? hash : `${before} → ${hash}`}</code></td><td class="wide">${problems.map((/** @type {string} */ problem) => html`<pre class="problem">${problem}</pre>`)}</td></tr>`,
    )}</tbody></table></div>
    <h3>Effective, without secrets</h3><${Json} value=${config.effective} />
  `}<//></section>`;
}

/** @param {{ title: string, problems: readonly string[] }} props */
function Problems({ title, problems }) {
  return html`<p role="status"><${State} of=${problems.length === 0 ? 'success' : 'error'} text=${title} /></p>
    ${problems.map((problem) => html`<pre class="problem">${problem}</pre>`)}`;
}
