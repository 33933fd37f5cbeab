import { useEffect, useLayoutEffect, useState } from 'preact/hooks';
import { useNames } from './choices.js';
import { act, confirmed } from './dialogs.js';
import { pageKeys } from './keys.js';
import { useReading } from './live.js';
import { Empty, Loaded, RunRows } from './parts.js';
import { go, linkTo, route } from './route.js';
import { ask, mayAct, read } from './server.js';
import { html } from './view.js';
import { plural } from './words.js';

const phases = ['queued', 'starting', 'running', 'interrupted', 'resuming', 'delivering', 'done'];
const statuses = ['pending', 'interrupted', 'success', 'error', 'timeout'];
/** Runs that one request acts on. */
const batch = 200;

/** @param {URLSearchParams} query */
function filterOf(query) {
  const filter = Object.fromEntries([...query].filter(([name, value]) => value !== '' && name !== 'cursor'));
  return filter;
}

/**
 * The filter of the URL as a body has it.
 *
 * @param {Record<string, string>} filter
 */
function bodyOf({ phase, status, errcode, live, ...same }) {
  return {
    ...same,
    ...(phase && { phase: phase.split(',') }),
    ...(status && { status: status.split(',') }),
    ...(errcode && { errcode: errcode.split(',').map(Number) }),
    ...(live && { live: live === 'true' }),
  };
}

export function RunsPage() {
  const { query } = route.value;
  const filter = filterOf(query);
  const search = new URLSearchParams(filter).toString();
  const cursor = query.get('cursor');
  const [selected, setSelected] = useState(/** @type {ReadonlySet<string>} */ (new Set()));
  const page = useReading(
    `runs ${search} ${cursor}`,
    async () => {
      const list = `limit=50${search === '' ? '' : `&${search}`}`;
      const [runs, totals] = await Promise.all([
        read(`/runs?${list}${cursor === null ? '' : `&cursor=${cursor}`}`),
        read(`/runs:count?${search}`),
      ]);
      return { ...runs, totals };
    },
    {
      on: ['run'],
      minMs: 1000,
      // A row that is shown changes at once; what the list is without it follows.
      onChange: ({ run_id: id, phase, status }, data) =>
        phase === undefined
          ? data
          : { ...data, runs: data.runs.map((run) => (run.run_id === id ? { ...run, phase, status } : run)) },
    },
  );
  const choose = (/** @type {string} */ id) =>
    setSelected((before) =>
      before.has(id) ? new Set([...before].filter((each) => each !== id)) : new Set([...before, id]),
    );
  const chosen = selected.size > 0 ? { run_ids: [...selected] } : { filter: bodyOf(filter) };
  const bulk = (/** @type {'cancel' | 'replay'} */ verb) =>
    void actOnMany(verb, chosen).then((isDone) => {
      if (!isDone) return;
      setSelected(new Set());
      page.refresh();
    });
  useEffect(() => setSelected(new Set()), [search]);
  // Before the next key can be pressed.
  useLayoutEffect(() => {
    pageKeys.choose = choose;
    pageKeys.cancel = () => (mayAct() && (selected.size > 0 || search !== '') ? bulk('cancel') : undefined);
    return () => {
      pageKeys.choose = null;
      pageKeys.cancel = null;
    };
  });
  const isMeant = selected.size > 0 || search !== '';
  const of = selected.size > 0 ? `${selected.size} chosen` : 'all that match';
  return html`<section>
    <h2>Runs</h2>
    <${Filters} filter=${filter} />
    <${Loaded} reading=${page}>${({ runs, totals, next_cursor: next, examined }) => html`
      <p class="buttons">
        <b data-count=${totals.count}>${plural(totals.count, 'run')}${totals.complete ? '' : ' or more'}</b>
        ${
          mayAct() &&
          html`<button disabled=${!isMeant} onClick=${() => bulk('cancel')}>Cancel ${of}</button>
          <button disabled=${!isMeant} onClick=${() => bulk('replay')}>Replay ${of}</button>`
        }
        ${!isMeant && html`<span class="faint">Choose runs, or set a filter, to act on many.</span>`}
      </p>
      <div class="scroll"><${RunRows} runs=${runs} selected=${selected} onSelect=${choose} /></div>
      ${
        runs.length === 0 &&
        html`<${Empty} title=${search === '' ? 'No run yet' : 'No run matches'}>
        <p>${search === '' ? html`Make one on the page <a href=${linkTo('agents')}>Agents</a>.` : `${plural(examined, 'run')} were looked at. Take a filter away to see more.`}</p><//>`
      }
      <p class="buttons">
        ${cursor !== null && html`<a class="button" href=${linkTo('runs', null, filter)}>Newest</a>`}
        ${next !== null && html`<a class="button" href=${linkTo('runs', null, { ...filter, cursor: next })}>Older</a>`}
      </p>
    `}<//>
  </section>`;
}

/**
 * Counts first, asks, and acts in batches until nothing is left.
 *
 * @param {'cancel' | 'replay'} verb
 * @param {{ run_ids?: readonly string[], filter?: object }} chosen
 */
async function actOnMany(verb, chosen) {
  const path = `/runs:${verb}`;
  const dry = await act(
    () => ask('POST', path, { ...chosen, dry_run: true, max: 1000 }),
    ({ matched }) => `${plural(matched, 'run')} can be ${verb === 'cancel' ? 'cancelled' : 'replayed'}.`,
  );
  if (dry === undefined || dry.matched === 0) return false;
  const count = `${plural(dry.matched, 'run')}${dry.complete ? '' : ' or more'}`;
  const answer = await confirmed({
    title: `${verb === 'cancel' ? 'Cancel' : 'Replay'} ${count}?`,
    text:
      verb === 'cancel'
        ? 'They end as cancelled, and the vendors are asked to stop. This cannot be taken back.'
        : 'Each is made anew from its request, as a new run. Runs of threads are left out.',
    confirm: `${verb === 'cancel' ? 'Cancel' : 'Replay'} ${count}`,
  });
  if (answer === null) return false;
  const done = await act(
    () => (verb === 'cancel' ? cancelAll(path, chosen) : ask('POST', path, { ...chosen, max: 1000 })),
    (outcome) => {
      const refused =
        outcome.refused.length === 0 ? '' : `; ${outcome.refused.length} refused: ${outcome.refused[0].reason}`;
      return `${plural(outcome.done.length, 'run')} ${verb === 'cancel' ? 'cancelled' : 'replayed'}${refused}.`;
    },
  );
  return done !== undefined;
}

/**
 * @param {string} path
 * @param {{ run_ids?: readonly string[], filter?: object }} chosen
 */
async function cancelAll(path, chosen) {
  const all = { done: /** @type {unknown[]} */ ([]), refused: /** @type {any[]} */ ([]) };
  for (;;) {
    const { done, refused, complete } = await ask('POST', path, {
      ...chosen,
      max: chosen.run_ids === undefined ? batch : 1000,
    });
    all.done.push(...done);
    all.refused.push(...refused);
    // What was cancelled no longer matches, so that the next batch is another one.
    if (complete || done.length === 0) return all;
  }
}

/** @param {{ filter: Record<string, string> }} props */
function Filters({ filter }) {
  const { agents, backends } = useNames();
  const set = (/** @type {string} */ name, /** @type {string} */ value) => {
    const { [name]: _, ...rest } = filter;
    go(linkTo('runs', null, value === '' ? rest : { ...rest, [name]: value }), { replace: true });
  };
  const choice = (/** @type {string} */ name, /** @type {readonly string[]} */ values) =>
    html`<select aria-label=${name} value=${filter[name] ?? ''} onChange=${(event) => set(name, event.currentTarget.value)}>
      <option value="">${name}</option>
      ${[...new Set([...values, ...(filter[name] ? [filter[name]] : [])])].map((value) => html`<option value=${value}>${value}</option>`)}
    </select>`;
  const field = (/** @type {string} */ name, /** @type {string} */ hint) =>
    html`<input aria-label=${name} placeholder=${hint} value=${filter[name] ?? ''} onChange=${(event) => set(name, event.currentTarget.value.trim())} />`;
  return html`<div class="filters">
    <select aria-label="live" value=${filter.live ?? ''} onChange=${(event) => set('live', event.currentTarget.value)}>
      <option value="">live or ended</option><option value="true">live</option><option value="false">ended</option>
    </select>
    ${choice('agent', agents)}${choice('backend', backends)}${choice('phase', phases)}${choice('status', statuses)}
    ${field('tenant', 'tenant')}${field('errcode', 'errcode')}${field('older_than', 'older than, 10m')}${field('younger_than', 'younger than, 1h')}
    ${field('vendor_id', 'vendor’s id')}${field('text', 'text')}
    ${Object.keys(filter).length > 0 && html`<a class="button" href=${linkTo('runs')}>Clear</a>`}
  </div>`;
}
