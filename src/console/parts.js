import { linkTo } from './route.js';
import { html } from './view.js';
import { duration, shapeOf, shortId, since, stateOf } from './words.js';

/** @param {{ of: string, text?: string }} props */
export const State = ({ of, text = of }) =>
  html`<span class="state ${of}"><i aria-hidden="true">${shapeOf(of)}</i> ${text}</span>`;

/** @param {{ reading: import('./live.js').Reading, children?: any }} props */
export function Loaded({ reading, children }) {
  return html`
    ${reading.problem !== '' && html`<p class="problem" role="alert">${reading.problem}</p>`}
    ${reading.data === null ? reading.problem === '' && html`<p class="faint">…</p>` : children(reading.data)}
  `;
}

/** @param {{ title: string, children?: any }} props */
export const Empty = ({ title, children }) => html`<div class="empty"><h3>${title}</h3>${children}</div>`;

/** @param {{ value: unknown }} props */
export const Json = ({ value }) => html`<pre>${JSON.stringify(value, null, 2)}</pre>`;

/** @param {{ share: number, of?: string }} props */
export const Bar = ({ share, of = '' }) =>
  html`<span class="bar ${of}"><i style=${{ width: `${Math.round(Math.min(1, Math.max(0, share)) * 100)}%` }}></i></span>`;

/**
 * Rows of runs. `selected` and `onSelect` are left out where nothing can be chosen.
 *
 * @param {{ runs: readonly any[], selected?: ReadonlySet<string>, onSelect?: (id: string) => void }} props
 */
export function RunRows({ runs, selected, onSelect }) {
  return html`<table class="rows runs">
    <thead><tr>
      ${onSelect && html`<th></th>`}<th>state</th><th>run</th><th>agent</th><th>backend</th><th>age</th><th class="wide">what is with it</th><th>tenant</th><th>owner</th>
    </tr></thead>
    <tbody>${runs.map(
      (
        run,
      ) => html`<tr key=${run.run_id} data-row tabindex="0" data-id=${run.run_id} data-href=${linkTo('runs', run.run_id)} class=${selected?.has(run.run_id) ? 'chosen' : ''}>
        ${onSelect && html`<td><input type="checkbox" aria-label="choose the run" checked=${selected?.has(run.run_id)} onChange=${() => onSelect(run.run_id)} /></td>`}
        <td><${State} of=${stateOf(run)} /></td>
        <td><a href=${linkTo('runs', run.run_id)} title=${run.run_id}><code>${shortId(run.run_id)}</code></a></td>
        <td>${run.agent}</td><td>${run.backend ?? '–'}</td>
        <td class="number" title=${run.created_at}>${run.phase === 'done' ? duration(run.age_ms) : since(run.created_at)}</td>
        <td class="wide">${run.waits_for ?? (run.errcode === null ? '' : `${run.errcode} ${run.error ?? ''}`)}</td>
        <td>${run.tenant}</td><td title=${run.owner ?? ''}>${run.owner === null ? '–' : shortId(run.owner)}</td>
      </tr>`,
    )}</tbody>
  </table>`;
}
