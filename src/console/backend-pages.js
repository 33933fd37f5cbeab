import { act, confirmed } from './dialogs.js';
import { useReading } from './live.js';
import { liftStop, pauseBackend, probeBackend, resumeBackend } from './now-page.js';
import { Bar, Empty, Loaded, State } from './parts.js';
import { linkTo } from './route.js';
import { ask, mayAct, read } from './server.js';
import { html } from './view.js';
import { duration, plural, shortId, since } from './words.js';

/** @param {{ name: string | null }} props */
export function BackendsPage({ name }) {
  const reading = useReading(
    `backends ${name}`,
    async () =>
      name === null ? (await read('/backends')).backends : [await read(`/backends/${encodeURIComponent(name)}`)],
    {
      on: ['backend', 'stop', 'lift', 'config', 'run'],
      everyMs: 5000,
    },
  );
  return html`<${Loaded} reading=${reading}>${(/** @type {readonly any[]} */ backends) => html`<div class="split">
    ${backends.map((backend) => html`<${Backend} key=${backend.name} backend=${backend} refresh=${reading.refresh} />`)}
  </div>`}<//>`;
}

/** @param {{ backend: any, refresh: () => void }} props */
function Backend({ backend, refresh }) {
  const { name, calls, budget, last_fault: fault, stop } = backend;
  const done = (/** @type {Promise<unknown>} */ action) => void action.then(refresh);
  return html`<section data-backend=${name}>
    <h2><a href=${linkTo('backends', name)}>${name}</a> <span class="faint">${backend.adapter}</span> <${State} of=${stop ? 'stopped' : backend.state} /></h2>
    ${stop && html`<p>Starts nothing: stopped by ${stop.by} ${since(stop.at)} ago, “${stop.reason}”.</p>`}
    <dl>
      <dt>state since</dt><dd>${since(backend.since)}</dd>
      <dt>calls, 5 min</dt><dd>${calls.count}, ${calls.failed} failed; p50 ${duration(calls.p50_ms)}, p95 ${duration(calls.p95_ms)}</dd>
      <dt>runs held</dt><dd>${budget.runs_held}${budget.max_concurrent_runs === null ? '' : ` of ${budget.max_concurrent_runs}`}
        ${budget.max_concurrent_runs !== null && html`<${Bar} of="running" share=${budget.runs_held / budget.max_concurrent_runs} />`}</dd>
      ${budget.requests_per_second !== null && html`<dt>requests/s</dt><dd>${budget.requests_in_use} in use, of ${budget.requests_per_second}</dd>`}
      <dt>waiting here</dt><dd>${plural(backend.queue.starts, 'start')}, ${plural(backend.queue.calls, 'call')}</dd>
      <dt>live runs</dt><dd><a href=${linkTo('runs', null, { live: 'true', backend: name })}>${backend.live_runs}</a></dd>
      ${backend.probe_in_ms !== null && html`<dt>next probe in</dt><dd>${duration(backend.probe_in_ms)}</dd>`}
      ${backend.elsewhere.map(({ replica, state }) => html`<dt>at ${shortId(replica)}</dt><dd><${State} of=${state} /></dd>`)}
      <dt>agents</dt><dd>${backend.agents.map((agent) => html`<a href=${linkTo('agents', agent)}>${agent}</a> `)}</dd>
    </dl>
    ${
      fault &&
      html`<p><b>Last fault</b>, ${since(fault.at)} ago, ${fault.operation}${fault.http_status === null ? '' : `, ${fault.http_status}`}:
      <span class="fault">${fault.fault}</span> ${fault.run_id && html`<a href=${linkTo('runs', fault.run_id)}>the run</a>`}</p>`
    }
    ${
      mayAct() &&
      html`<p class="buttons">
      ${stop ? html`<button onClick=${() => done(resumeBackend(name))}>Resume</button>` : html`<button onClick=${() => done(pauseBackend(name))}>Pause</button>`}
      <button onClick=${() => done(probeBackend(name))}>Probe</button></p>`
    }
  </section>`;
}

export function QueuesPage() {
  const queues = useReading('queues', async () => (await read('/queues')).queues, {
    on: ['run', 'stop', 'lift'],
    everyMs: 5000,
  });
  const stops = useReading('stops', async () => (await read('/stops')).stops, { on: ['stop', 'lift'] });
  return html`<section><h2>Queues</h2><${Loaded} reading=${queues}>${(/** @type {readonly any[]} */ rows) =>
    rows.every(({ waiting, running }) => waiting + running === 0) && rows.length === 0
      ? html`<${Empty} title="No queue"><p>A run waits here while its backend has no room, or is stopped.</p><//>`
      : html`<div class="scroll"><table class="rows"><thead><tr><th>backend</th><th>waiting</th><th>oldest</th><th>running</th><th>starts/min here</th><th class="wide">empty in</th></tr></thead>
      <tbody>${rows.map(
        (
          queue,
        ) => html`<tr data-row tabindex="0" data-href=${linkTo('runs', null, { phase: 'queued', ...(queue.backend === null ? {} : { backend: queue.backend }) })}>
          <td>${queue.backend === null ? 'not placed yet' : html`<a href=${linkTo('runs', null, { phase: 'queued', backend: queue.backend })}>${queue.backend}</a>`}</td>
          <td class="number">${queue.waiting}${queue.complete ? '' : '+'}</td><td>${since(queue.oldest_at)}</td><td class="number">${queue.running}</td>
          <td class="number">${Number(queue.starts_per_minute.toFixed(1))}</td><td class="wide">${queue.waiting === 0 ? 'empty' : queue.empty_in_ms === null ? 'not known' : duration(queue.empty_in_ms)}</td></tr>`,
      )}</tbody></table></div>`}<//></section>
  <${Caps} />
  <${Schedules} />
  <section><h2>Stopped</h2><${Loaded} reading=${stops}>${(/** @type {readonly any[]} */ rows) => html`
    ${rows.length === 0 && html`<p class="faint">Nothing is stopped. An agent, a backend or a tenant that is stopped starts nothing; its runs wait.</p>`}
    <ul>${rows.map((stop) => html`<li>${stop.kind} <b>${stop.name}</b>: by ${stop.by}, ${since(stop.at)} ago, “${stop.reason}” ${mayAct() && html`<button onClick=${() => liftStop(stop).then(stops.refresh)}>Start again</button>`}</li>`)}</ul>
    ${mayAct() && html`<${StopForm} refresh=${stops.refresh} />`}
  `}<//></section>`;
}

/** Left out where the config has none. */
function Caps() {
  const reading = useReading('caps', async () => (await read('/caps')).caps, { on: ['config'], everyMs: 10_000 });
  if (reading.data === null || reading.data.length === 0) return null;
  const limits = [
    ['runs_per_hour', 'runs an hour'],
    ['runs_per_day', 'runs a day'],
    ['cost_per_hour', 'cost an hour'],
    ['cost_per_day', 'cost a day'],
  ];
  const usedOf = (/** @type {any} */ cap, /** @type {string} */ limit) => {
    const window = limit.endsWith('hour') ? cap.hour : cap.day;
    return limit.startsWith('runs') ? window.runs : window.cost + cap.reserved;
  };
  return html`<section><h2>Caps</h2><div class="scroll"><table class="rows"><thead><tr><th>of</th><th>limit</th><th class="number">used</th><th class="number">of</th><th class="wide"></th></tr></thead>
    <tbody>${reading.data.flatMap((/** @type {any} */ cap) =>
      limits
        .filter(([limit]) => cap.limits[limit ?? ''] !== null)
        .map(
          ([limit = '', words]) => html`<tr key=${`${cap.name} ${limit}`}><td>${cap.name}</td><td>${words}</td>
          <td class="number">${Number(usedOf(cap, limit).toFixed(2))}</td><td class="number">${cap.limits[limit]}</td>
          <td class="wide">${cap.reached?.limit === limit && `no room; again ${cap.reached.frees_in_ms === null ? 'once runs under way have ended' : `in ${duration(cap.reached.frees_in_ms)}`}`}</td></tr>`,
        ),
    )}</tbody></table></div></section>`;
}

/** Left out where the config has none. */
function Schedules() {
  const reading = useReading('schedules', async () => (await read('/schedules')).schedules, {
    on: ['config', 'run'],
    everyMs: 10_000,
  });
  if (reading.data === null || reading.data.length === 0) return null;
  return html`<section><h2>Schedules</h2><div class="scroll"><table class="rows"><thead><tr><th>schedule</th><th>agent</th><th>times</th><th>next</th><th class="wide">last</th></tr></thead>
    <tbody>${reading.data.map(
      (
        row,
      ) => html`<tr key=${row.name}><td>${row.name}</td><td><a href=${linkTo('agents', row.agent)}>${row.agent}</a></td><td><code>${row.cron}</code> ${row.time_zone}</td>
      <td>${!row.enabled ? 'disabled' : row.next_at === null ? '–' : `in ${duration(Math.max(0, Date.parse(row.next_at) - Date.now()))}`}</td>
      <td class="wide">${row.last && html`${since(row.last.at)} ago: ${row.last.outcome} ${row.last.detail} ${row.last.run_id && html`<a href=${linkTo('runs', row.last.run_id)}>the run</a>`}`}</td></tr>`,
    )}</tbody></table></div></section>`;
}

/** @param {{ refresh: () => void }} props */
function StopForm({ refresh }) {
  const stop = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const given = Object.fromEntries(new FormData(/** @type {HTMLFormElement} */ (event.currentTarget)));
    const reason = await confirmed({
      title: `Stop the ${given.kind} ${given.name}?`,
      text: 'Nothing of it is started from now on, by any replica. Its runs wait; what the vendor has already goes on.',
      confirm: 'Stop it',
      field: 'Why? Others see this.',
    });
    if (reason === null) return;
    await act(
      () => ask('POST', '/stops', { ...given, reason }),
      () => `The ${given.kind} ${given.name} starts nothing.`,
    );
    refresh();
  };
  return html`<form class="filters" onSubmit=${stop}>
    <select name="kind" aria-label="kind"><option>agent</option><option>backend</option><option>tenant</option></select>
    <input name="name" aria-label="name" placeholder="its name" required /><button>Stop it</button></form>`;
}

export function WebhooksPage() {
  const reading = useReading('webhooks', async () => (await read('/webhooks?limit=200')).deliveries, {
    on: ['run'],
    everyMs: 5000,
  });
  const redrive = (/** @type {object} */ which) =>
    void act(
      () => ask('POST', '/webhooks:redrive', which),
      ({ redriven }) => `${plural(redriven, 'webhook')} sent again.`,
    ).then(reading.refresh);
  return html`<section><h2>Webhooks</h2><${Loaded} reading=${reading}>${(/** @type {readonly any[]} */ rows) =>
    rows.length === 0
      ? html`<${Empty} title="Nothing is owed"><p>Webhooks that receivers did not take yet, and those that were given up, are listed here.</p><//>`
      : html`${mayAct() && html`<p class="buttons"><button onClick=${() => redrive({})}>Send all that were given up again</button></p>`}
      <div class="scroll"><table class="rows"><thead><tr><th>state</th><th>run</th><th>to</th><th>attempts</th><th>next</th><th class="wide">failure</th><th></th></tr></thead>
      <tbody>${rows.map(
        (
          row,
        ) => html`<tr key=${`${row.run_id} ${row.seq}`} data-row tabindex="0" data-href=${linkTo('runs', row.run_id)}>
        <td><${State} of=${row.state} /></td><td><a href=${linkTo('runs', row.run_id)}><code>${shortId(row.run_id)}</code></a></td><td>${row.url}</td>
        <td class="number">${row.attempts}</td><td>${row.due_at === null ? '–' : `in ${duration(Math.max(0, Date.parse(row.due_at) - Date.now()))}`}</td><td class="wide">${row.failure}</td>
        <td>${mayAct() && row.state !== 'delivered' && html`<button onClick=${() => redrive({ run_id: row.run_id, state: [row.state] })}>Send again</button>`}</td></tr>`,
      )}</tbody></table></div>`}<//></section>`;
}

export function ReplicasPage() {
  const reading = useReading('replicas', async () => (await read('/replicas')).replicas, {
    on: ['replica', 'config'],
    everyMs: 3000,
  });
  const drain = async (/** @type {any} */ { replica, drain: isDrained }) => {
    const sure = isDrained
      ? ''
      : await confirmed({
          title: `Drain ${shortId(replica)}?`,
          text: 'It takes no new runs and claims none, and says so in its readiness; what it has goes on.',
          confirm: 'Drain it',
        });
    if (sure === null) return;
    await act(
      () => ask('POST', `/replicas/${encodeURIComponent(replica)}/${isDrained ? 'undrain' : 'drain'}`),
      () => (isDrained ? 'It takes runs again.' : 'It drains.'),
    );
    reading.refresh();
  };
  return html`<section><h2>Replicas</h2><${Loaded} reading=${reading}>${(/** @type {readonly any[]} */ rows) => {
    const hashes = new Set(rows.filter(({ alive }) => alive).map(({ config_hash: hash }) => hash));
    return html`${hashes.size > 1 && html`<p class="problem" role="alert">The replicas run different configs.</p>`}
    <div class="scroll"><table class="rows"><thead><tr><th>replica</th><th>state</th><th>heartbeat</th><th>runs</th><th>parked</th><th>version</th><th>config</th><th>up</th><th></th></tr></thead>
    <tbody>${rows.map(
      (
        row,
      ) => html`<tr key=${row.replica} data-row tabindex="0" data-href=${linkTo('runs', null, { live: 'true', owner: row.replica })}>
      <td title=${row.replica}><a href=${linkTo('runs', null, { live: 'true', owner: row.replica })}><code>${shortId(row.replica)}</code></a>${row.self ? ', this one' : ''}</td>
      <td><${State} of=${!row.alive ? 'down' : row.draining || row.drain ? 'paused' : 'ok'} text=${!row.alive ? 'dead' : row.draining ? 'drains' : row.drain ? 'is to drain' : 'takes runs'} /></td>
      <td>${since(row.heartbeat_at)} ago</td><td class="number">${row.runs}</td><td class="number">${row.parked_runs ?? '–'}</td>
      <td>${row.version}</td><td><code>${row.config_hash?.slice(0, 8)}</code></td><td>${since(row.started_at)}</td>
      <td>${mayAct() && row.alive && html`<button onClick=${() => drain(row)}>${row.drain ? 'Take runs again' : 'Drain'}</button>`}</td></tr>`,
    )}</tbody></table></div>`;
  }}<//></section>`;
}
