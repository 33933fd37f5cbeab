import { useState } from 'preact/hooks';
import { useReading } from './live.js';
import { Json, State } from './parts.js';
import { linkTo } from './route.js';
import { ask, read } from './server.js';
import { html } from './view.js';
import { shortId } from './words.js';

/** What is tried before anything is typed. */
const sample = { status: 'completed', result: { hello: 'world' } };

/** @param {string} text */
function parse(text) {
  try {
    return { value: JSON.parse(text), problem: '' };
  } catch (error) {
    return { value: undefined, problem: /** @type {Error} */ (error).message };
  }
}

/**
 * A vendor's answer, parts that are laid over the mapping of the agent, and what the two make of it. Nothing is changed: what
 * is found here has to be written into the config.
 *
 * @param {{ agent: { name: string } }} props
 */
export function Workbench({ agent }) {
  const [raw, setRaw] = useState(JSON.stringify(sample, null, 2));
  const [status, setStatus] = useState(sample.status);
  const [part, setPart] = useState('{}');
  const [answer, setAnswer] = useState(
    /** @type {{ problems: readonly string[], mapped: any, took_ms: number } | null} */ (null),
  );
  const ended = useReading(
    `ended ${agent.name}`,
    async () => (await read(`/runs?live=false&limit=10&agent=${encodeURIComponent(agent.name)}`)).runs,
    { on: [] },
  );
  const [given, over] = [parse(raw), parse(part)];
  const problem =
    given.problem !== ''
      ? `The answer is not JSON: ${given.problem}`
      : over.problem !== ''
        ? `The mapping is not JSON: ${over.problem}`
        : '';
  const run = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    try {
      setAnswer(
        await ask('POST', '/mappings:try', { agent: agent.name, status, raw: given.value, mapping: over.value }),
      );
    } catch (error) {
      setAnswer({ problems: [/** @type {Error} */ (error).message], mapped: null, took_ms: 0 });
    }
  };
  const take = async (/** @type {string} */ id) => {
    const { vendor } = await read(`/runs/${id}`);
    if (vendor === null) return;
    setRaw(JSON.stringify(vendor, null, 2));
    if (typeof vendor.status === 'string') setStatus(vendor.status);
  };
  return html`<section data-workbench><h2>Mapping workbench</h2>
    <p class="faint">Parts that are written here lie over the mapping of the agent, as those of the config do. Nothing is changed.</p>
    <form onSubmit=${run}><div class="split">
      <div>
        <label>The vendor’s status<input name="status" value=${status} onInput=${(event) => setStatus(event.currentTarget.value)} required /></label>
        <label>The vendor’s answer, raw<textarea name="raw" spellcheck=${false} value=${raw} onInput=${(event) => setRaw(event.currentTarget.value)}></textarea></label>
        ${ended.data?.length > 0 && html`<p class="buttons">What is kept of ${ended.data.slice(0, 5).map(({ run_id: id }) => html`<button type="button" onClick=${() => take(id)} title=${id}>${shortId(id)}</button>`)}</p>`}
        <label>Parts of the mapping, as JSON<textarea name="mapping" spellcheck=${false} value=${part} onInput=${(event) => setPart(event.currentTarget.value)}></textarea></label>
        ${problem !== '' && html`<p class="problem" role="alert">${problem}</p>`}
        <button class="strong" disabled=${problem !== ''}>Try it</button>
      </div>
      <div aria-live="polite" data-mapped><h3>Mapped</h3>
        ${answer?.problems.map((each) => html`<pre class="problem">${each}</pre>`)}
        ${answer?.mapped && html`<p><${State} of=${answer.mapped.status} /></p><${Json} value=${answer.mapped} />`}
        ${answer === null && html`<p class="faint">See <a href=${linkTo('config')}>Config</a> for the mapping in force.</p>`}
      </div>
    </div></form></section>`;
}
