import { act, confirmed } from './dialogs.js';
import { useReading } from './live.js';
import { Bar, Empty, Loaded, RunRows, State } from './parts.js';
import { go, linkTo } from './route.js';
import { ask, mayAct, read } from './server.js';
import { html } from './view.js';
import { duration, plural, since } from './words.js';

const phases = ['queued', 'starting', 'running', 'resuming', 'delivering', 'interrupted'];

async function readNow() {
  const [overview, { backends }, { runs }, { agents }] = await Promise.all([
    read('/overview'),
    read('/backends'),
    // While the database is away, the rest still says so.
    read('/runs?limit=12').catch(() => ({ runs: null })),
    read('/agents'),
  ]);
  return { overview, backends, runs, agents };
}

export function NowPage() {
  const reading = useReading('now', readNow, { everyMs: 5000 });
  return html`<${Loaded} reading=${reading}>${({ overview, backends, runs, agents }) => html`
    <${Needs} overview=${overview} refresh=${reading.refresh} />
    <div class="columns">
      <${Live} live=${overview.live} />
      <${Ended} ended=${overview.ended} />
    </div>
    <${Vendors} backends=${backends} />
    <section>
      <h2>Newest runs</h2>
      ${runs === null ? html`<p class="problem" role="alert">The runs cannot be read: the database does not answer.</p>` : runs.length === 0 ? html`<${FirstRun} agents=${agents} />` : html`<${RunRows} runs=${runs} />`}
      <${TryButtons} agents=${agents} refresh=${reading.refresh} />
    </section>
  `}<//>`;
}

/** @param {{ overview: any, refresh: () => void }} props */
function Needs({ overview, refresh }) {
  const { needs, stops } = overview;
  return html`<section class="needs"><h2>Needs you</h2>
    ${needs.length === 0 && html`<p class="calm"><${State} of="success" text="Nothing needs a person." /></p>`}
    <ul>${needs.map((/** @type {any} */ need) => html`<li class=${need.kind}><span>${need.text}</span> <span class="buttons">${actionsOf(need, stops, refresh)}</span></li>`)}</ul>
  </section>`;
}

/**
 * @param {any} need
 * @param {readonly any[]} stops
 * @param {() => void} refresh
 */
function actionsOf({ kind, name }, stops, refresh) {
  const show = (/** @type {Record<string, string>} */ query) =>
    html`<a class="button" href=${linkTo('runs', null, query)}>Show</a>`;
  switch (kind) {
    case 'backend':
      return html`${show({ live: 'true', backend: name })}${mayAct() && html`<button onClick=${() => pauseBackend(name).then(refresh)}>Pause</button><button onClick=${() => probeBackend(name).then(refresh)}>Probe</button>`}`;
    case 'config':
      return html`<a class="button" href=${linkTo('config')}>Show</a>`;
    case 'replica':
      return html`<a class="button" href=${linkTo('replicas')}>Show</a>`;
    case 'mapping':
      return html`${show({ agent: name })}<a class="button" href=${linkTo('agents', name)}>Workbench</a>`;
    case 'interrupted':
      return show({ phase: 'interrupted' });
    case 'unknown-start':
      return show({ errcode: '1002', younger_than: '1h' });
    case 'queue':
      return show({ phase: 'queued', ...(name === null ? {} : { backend: name }) });
    case 'webhooks':
      return html`<a class="button" href=${linkTo('webhooks')}>Show</a>`;
    case 'stopped': {
      const stop = stops.find((each) => each.name === name);
      return html`${show({ phase: 'queued' })}${mayAct() && stop && html`<button onClick=${() => liftStop(stop).then(refresh)}>Start again</button>`}`;
    }
    default:
      return null;
  }
}

/** @param {string} name */
export async function pauseBackend(name) {
  const reason = await confirmed({
    title: `Start nothing at ${name}?`,
    text: 'Runs for it stay queued, over all replicas and restarts, until it is resumed. What the vendor has already goes on.',
    confirm: 'Pause it',
    field: 'Why? Others see this.',
  });
  if (reason === null) return;
  await act(
    () => ask('POST', `/backends/${encodeURIComponent(name)}/pause`, { reason }),
    () => `${name} starts nothing until it is resumed.`,
  );
}

/** @param {string} name */
export const resumeBackend = (name) =>
  act(
    () => ask('POST', `/backends/${encodeURIComponent(name)}/resume`),
    () => `${name} starts runs again.`,
  );

/** @param {string} name */
export const probeBackend = (name) =>
  act(
    () => ask('POST', `/backends/${encodeURIComponent(name)}/probe`),
    () => `The next call to ${name} goes at once.`,
  );

/** @param {{ kind: string, name: string }} stop */
export const liftStop = ({ kind, name }) =>
  act(
    () => ask('DELETE', `/stops/${kind}/${encodeURIComponent(name)}`),
    () => `The ${kind} ${name} starts runs again.`,
  );

/** @param {{ live: any }} props */
function Live({ live }) {
  return html`<section><h2>Live <b class="big" data-live=${live.count}>${live.count}${live.complete ? '' : '+'}</b></h2>
    <table class="counts"><tbody>${phases.map(
      (phase) =>
        html`<tr><td><a href=${linkTo('runs', null, { phase })}><${State} of=${phase} /></a></td><td class="number">${live.by_phase[phase] ?? 0}</td><td class="wide"><${Bar} of=${phase} share=${(live.by_phase[phase] ?? 0) / Math.max(1, live.count)} /></td></tr>`,
    )}</tbody></table>
    ${live.oldest_at && html`<p class="faint">The oldest is ${since(live.oldest_at)} old.</p>`}
  </section>`;
}

/** @param {{ ended: any }} props */
function Ended({ ended }) {
  const statuses = ['success', 'error', 'timeout'];
  return html`<section><h2>Ended, last hour <b class="big">${ended.count}${ended.complete ? '' : '+'}</b></h2>
    <table class="counts"><tbody>${statuses.map(
      (status) =>
        html`<tr><td><a href=${linkTo('runs', null, { status, younger_than: '1h' })}><${State} of=${status} /></a></td><td class="number">${ended.by_status[status] ?? 0}</td><td class="wide"><${Bar} of=${status} share=${(ended.by_status[status] ?? 0) / Math.max(1, ended.count)} /></td></tr>`,
    )}</tbody></table>
  </section>`;
}

/** @param {{ backends: readonly any[] }} props */
function Vendors({ backends }) {
  return html`<section><h2>Vendors</h2><div class="scroll"><table class="rows">
    <thead><tr><th>backend</th><th>state</th><th>calls, 5 min</th><th>failed</th><th>p50</th><th>p95</th><th>live runs</th><th class="wide">last fault</th></tr></thead>
    <tbody>${backends.map(
      (backend) => html`<tr key=${backend.name}>
        <td><a href=${linkTo('backends', backend.name)}>${backend.name}</a></td>
        <td><${State} of=${backend.stop ? 'stopped' : backend.state} /></td>
        <td class="number">${backend.calls.count}</td>
        <td class="number">${backend.calls.count === 0 ? '–' : `${Math.round((100 * backend.calls.failed) / backend.calls.count)} %`}</td>
        <td class="number">${duration(backend.calls.p50_ms)}</td><td class="number">${duration(backend.calls.p95_ms)}</td>
        <td class="number">${backend.live_runs}</td>
        <td class="wide">${backend.last_fault && `${since(backend.last_fault.at)} ago: ${backend.last_fault.fault}`}</td>
      </tr>`,
    )}</tbody></table></div></section>`;
}

/** Agents of the sandbox that show what the console shows, and what each is given. */
const samples = [
  { agent: 'echo', label: 'Make an echo', input: { hello: 'world' } },
  {
    agent: 'scrape',
    label: 'Make a run that takes its time',
    input: { url: 'https://shop.example/kettles', seconds: 10 },
  },
  { agent: 'fail', label: 'Make a failing run', input: { message: 'The page did not load.', code: 'ERR_PAGE' } },
  { agent: 'approval', label: 'Make a run that asks you', input: { question: 'Shall I place the order?' } },
];

/** @param {{ agents: readonly any[], refresh: () => void }} props */
function TryButtons({ agents, refresh }) {
  const known = samples.filter(({ agent }) => agents.some(({ name }) => name === agent));
  if (!mayAct() || known.length < samples.length) return null;
  const make = async (/** @type {typeof samples[number]} */ { agent, input }) => {
    const made = await act(
      () => ask('POST', `/agents/${agent}/runs`, { input }),
      ({ run_id: id }) => `Made ${id}.`,
    );
    if (made === undefined) return;
    if (agent === 'echo' || agent === 'scrape') refresh();
    else go(linkTo('runs', made.run_id));
  };
  return html`<p class="buttons">${known.map((sample) => html`<button onClick=${() => make(sample)}>${sample.label}</button>`)}</p>`;
}

/** @param {{ agents: readonly any[] }} props */
function FirstRun({ agents }) {
  const name = agents[0]?.name ?? 'echo';
  return html`<${Empty} title="No run yet">
    <p>${plural(agents.length, 'agent')} can be run. Paste this, or open <a href=${linkTo('agents')}>Agents</a> for a form:</p>
    <pre>${`curl -X POST ${location.origin}/runs \\
  -H 'content-type: application/json' \\
  -d '{"agent_id":"${name}","input":{}}'`}</pre>
  <//>`;
}
