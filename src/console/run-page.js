import { useLayoutEffect, useState } from 'preact/hooks';
import { act, confirmed } from './dialogs.js';
import { pageKeys } from './keys.js';
import { useReading } from './live.js';
import { Json, Loaded, State } from './parts.js';
import { go, linkTo } from './route.js';
import { SchemaForm } from './schema-form.js';
import { ask, mayAct, read } from './server.js';
import { html } from './view.js';
import { clockTime, duration, faultWords, since, stateOf } from './words.js';

/** @param {{ id: string }} props */
export function RunPage({ id }) {
  const [shown, setShown] = useState(/** @type {readonly string[]} */ ([]));
  const reading = useReading(
    `run ${id} ${shown}`,
    () => read(`/runs/${id}${shown.length === 0 ? '' : `?reveal=${shown}`}`),
    {
      on: ['run'],
      everyMs: 5000,
    },
  );
  const run = reading.data;
  const cancel = async () => {
    if (!mayAct() || run === null || run.phase === 'done') return;
    const sure = await confirmed({
      title: 'Cancel this run?',
      text: 'It ends as cancelled, and the vendor is asked to stop.',
      confirm: 'Cancel the run',
    });
    if (sure === null) return;
    await act(
      () => ask('POST', '/runs:cancel', { run_ids: [id] }),
      ({ done, refused }) => (done.length === 1 ? 'Cancelled.' : refused[0].reason),
    );
    reading.refresh();
  };
  const replay = async () => {
    const outcome = await act(
      () => ask('POST', '/runs:replay', { run_ids: [id] }),
      ({ done, refused }) => (done.length === 1 ? `Made ${done[0].new_run_id}.` : refused[0].reason),
    );
    const [made] = outcome?.done ?? [];
    if (made !== undefined) go(linkTo('runs', made.new_run_id));
  };
  // Before the next key can be pressed.
  useLayoutEffect(() => {
    pageKeys.cancel = () => void cancel();
    return () => {
      pageKeys.cancel = null;
    };
  });
  return html`<${Loaded} reading=${reading}>${(/** @type {any} */ run) => html`
    <section>
      <h1><${State} of=${stateOf(run)} text=${`${run.status}${run.errcode === null ? '' : ` ${run.errcode}`}`} /> <code>${run.run_id}</code></h1>
      <p class="verdict" data-verdict><${Verdict} run=${run} /></p>
      ${
        mayAct() &&
        html`<p class="buttons">
        ${run.phase !== 'done' && html`<button onClick=${cancel}>Cancel</button>`}
        ${run.phase === 'done' && html`<button onClick=${replay}>Replay</button>`}
        <a class="button" href=${linkTo('runs', null, { agent: run.agent, ...(run.errcode === null ? {} : { errcode: run.errcode }) })}>Others like it</a>
      </p>`
      }
    </section>
    ${run.phase === 'interrupted' && html`<${Answer} run=${run} refresh=${reading.refresh} />`}
    <${Timeline} run=${run} />
    <div class="columns">
      <${Facts} run=${run} />
      <${Payloads} run=${run} shown=${shown} show=${setShown} />
    </div>
  `}<//>`;
}

/** Whose fault it was, or what it waits for, in words. */
function Verdict({ run }) {
  if (run.phase === 'interrupted') return 'It asks a person, and waits for the answer.';
  if (run.phase !== 'done')
    return run.waits_for === null ? `It goes on; nothing holds it up.` : `It waits: ${run.waits_for}.`;
  if (run.status === 'success') return `It ended well after ${duration(run.age_ms)}.`;
  const blamed =
    [...run.timeline].reverse().find(({ fault, kind }) => fault !== null && kind === 'end') ??
    run.timeline.find(({ fault }) => fault !== null);
  const who = blamed === undefined ? 'Nobody’s fault is known' : `It was ${faultWords[blamed.fault]}`;
  return html`<span class="fault">${who}</span>: ${run.error ?? run.status}`;
}

function Timeline({ run }) {
  const startMs = Date.parse(run.created_at);
  const endMs = Math.max(
    startMs + 1,
    ...run.timeline.map(({ at, took_ms: tookMs, kind }) => Date.parse(at) + (kind === 'end' ? 0 : (tookMs ?? 0))),
  );
  const share = (/** @type {number} */ ms) => `${(100 * ms) / (endMs - startMs)}%`;
  return html`<section><h2>Timeline</h2><div class="scroll"><table class="rows waterfall"><tbody>${run.timeline.map(
    ({ at, kind, text, took_ms: tookMs, fault }) => {
      const lengthMs = kind === 'end' ? 0 : (tookMs ?? 0);
      const left = Math.min(99, (100 * Math.max(0, Date.parse(at) - startMs)) / (endMs - startMs));
      return html`<tr class=${fault === null ? '' : 'at-fault'} data-kind=${kind}>
        <td><code>${clockTime(at)}</code></td><td>${kind}</td>
        <td class="track"><i style=${{ left: `${left}%`, width: share(Math.min(lengthMs, endMs - Date.parse(at))) }}></i></td>
        <td class="number">${tookMs === null ? '' : duration(tookMs)}</td>
        <td class="wide">${text} ${fault !== null && html`<span class="fault">${faultWords[fault]}</span>`}</td>
      </tr>`;
    },
  )}</tbody></table></div></section>`;
}

function Facts({ run }) {
  const row = (/** @type {string} */ name, /** @type {any} */ value) =>
    value !== null && value !== undefined && html`<dt>${name}</dt><dd>${value}</dd>`;
  return html`<section><h2>Facts</h2><dl>
    ${row('agent', html`<a href=${linkTo('agents', run.agent)}>${run.agent}</a>`)}
    ${row('backend', run.backend && html`<a href=${linkTo('backends', run.backend)}>${run.backend}</a>`)}
    ${Object.entries(run.vendor_ids ?? {}).map(([name, id]) => row(`vendor’s ${name}`, html`<code>${id}</code>`))}
    ${row('vendor’s page', run.vendor_url && html`<a href=${run.vendor_url} target="_blank" rel="noopener noreferrer" data-vendor-page>${run.vendor_url}</a>`)}
    ${row('tenant', run.tenant)}${row('replica', run.owner)}${row('thread', run.thread_id)}
    ${row('created', `${run.created_at}, ${since(run.created_at)} ago`)}${row('deadline', run.deadline_at)}
    ${row('attempts to start', run.attempts)}${row('request', run.request_id)}${row('trace', run.trace_id)}
    ${run.looks && row('polled', `${run.looks.count} times, ${run.looks.failed} failed`)}
    ${run.waits.map(({ cause, took_ms: tookMs }) => row(`waited: ${cause}`, duration(tookMs)))}
    ${row('replay of', run.metadata.replay_of && html`<a href=${linkTo('runs', run.metadata.replay_of)}>${run.metadata.replay_of}</a>`)}
    ${row('started by', run.metadata.started_by)}
    ${row('webhook', run.webhook)}
  </dl></section>`;
}

/** Payloads are hidden until they are asked for; that is logged with the name of the reader. */
function Payloads({ run, shown, show }) {
  const button = (/** @type {string} */ name) =>
    !shown.includes(name) &&
    mayAct() &&
    html`<button onClick=${() => show([...shown, name])}>Show the ${name}</button>`;
  return html`<section><h2>Payloads</h2>
    <p class="buttons">${button('input')}${button('output')}</p>
    ${shown.length < 2 && html`<p class="faint">Hidden until asked for; the log names who asked.</p>`}
    <div class="split">
      ${run.input !== undefined && html`<div><h3>Input</h3><${Json} value=${run.input} /></div>`}
      ${run.output !== undefined && html`<div><h3>Output, mapped</h3><${Json} value=${run.output} /></div>`}
      ${run.vendor !== null && html`<div><h3>What the vendor said last, raw</h3><${Json} value=${run.vendor} /></div>`}
    </div>
  </section>`;
}

/** The form of the interrupt's schema. */
function Answer({ run, refresh }) {
  const agents = useReading('agents', () => read('/agents'), { on: ['config'] });
  const question = useReading(
    `question ${run.run_id}`,
    () => (mayAct() ? read(`/runs/${run.run_id}?reveal=output`) : Promise.resolve(null)),
    { on: [] },
  );
  const [isOpen, setOpen] = useState(false);
  if (!mayAct()) return null;
  const asked = question.data?.output?.payload;
  const interrupts = agents.data?.agents.find(({ name }) => name === run.agent)?.schemas.interrupts ?? [];
  const schema = (interrupts.find(({ type }) => type === asked?.interrupt_type) ?? interrupts[0])?.resumePayload ?? {};
  const send = async (/** @type {unknown} */ payload) => {
    await act(
      () => ask('POST', `/runs/${run.run_id}/resume`, { payload }),
      () => 'Answered.',
    );
    refresh();
  };
  if (!isOpen)
    return html`<section><h2>It asks</h2><button class="strong" onClick=${() => setOpen(true)}>Show the question and answer it</button></section>`;
  return html`<section><h2>It asks</h2>${asked !== undefined && html`<${Json} value=${asked} />`}
    ${agents.data && html`<${SchemaForm} schema=${schema} submit="Answer" onSubmit=${send} />`}
  </section>`;
}
