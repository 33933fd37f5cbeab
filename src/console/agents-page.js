import { useState } from 'preact/hooks';
import { act } from './dialogs.js';
import { useReading } from './live.js';
import { Empty, Json, Loaded, State } from './parts.js';
import { go, linkTo } from './route.js';
import { SchemaForm } from './schema-form.js';
import { ask, mayAct, read } from './server.js';
import { html } from './view.js';
import { Workbench } from './workbench.js';

/** @param {{ name: string | null }} props */
export function AgentsPage({ name }) {
  const reading = useReading('agents', async () => (await read('/agents')).agents, {
    on: ['config', 'stop', 'lift'],
    everyMs: 60_000,
  });
  return html`<${Loaded} reading=${reading}>${(/** @type {readonly any[]} */ agents) => {
    const agent = agents.find((each) => each.name === name);
    if (name !== null && agent === undefined)
      return html`<${Empty} title=${`The config has no agent ${name}`}><a href=${linkTo('agents')}>All agents</a><//>`;
    return agent === undefined ? html`<${AgentList} agents=${agents} />` : html`<${Agent} agent=${agent} />`;
  }}<//>`;
}

/** @param {{ agents: readonly any[] }} props */
function AgentList({ agents }) {
  return html`<section><h2>Agents</h2><div class="scroll"><table class="rows"><thead><tr><th>agent</th><th>version</th><th>backends</th><th class="wide">description</th></tr></thead>
    <tbody>${agents.map(
      (agent) => html`<tr key=${agent.name} data-row tabindex="0" data-href=${linkTo('agents', agent.name)}>
      <td><a href=${linkTo('agents', agent.name)}>${agent.name}</a> ${agent.stop && html`<${State} of="stopped" />`}</td><td>${agent.version}</td>
      <td>${agent.backends.map(({ name }) => html`<a href=${linkTo('backends', name)}>${name}</a> `)}</td><td class="wide">${agent.description}</td></tr>`,
    )}</tbody></table></div></section>`;
}

/** @param {{ agent: any }} props */
function Agent({ agent }) {
  const [input, setInput] = useState(/** @type {unknown} */ (agent.schemas.input?.examples?.[0] ?? {}));
  const run = async (/** @type {unknown} */ given) => {
    const made = await act(
      () => ask('POST', `/agents/${encodeURIComponent(agent.name)}/runs`, { input: given }),
      ({ run_id: id }) => `Made ${id}.`,
    );
    if (made !== undefined) go(linkTo('runs', made.run_id));
  };
  return html`<section><h1>${agent.name} <span class="faint">${agent.version}</span> ${agent.stop && html`<${State} of="stopped" />`}</h1>
    <p>${agent.description}</p>
    <p class="buttons"><a class="button" href=${linkTo('runs', null, { agent: agent.name })}>Its runs</a></p>
    <div class="split">
      <div><h3>Run it</h3>${mayAct() ? html`<${SchemaForm} schema=${agent.schemas.input ?? {}} submit="Run it" onSubmit=${run} onChange=${setInput} />` : html`<p class="faint">That takes the role operator.</p>`}</div>
      <div><h3>The same by curl</h3><pre data-curl>${curlOf(agent.name, input)}</pre></div>
    </div></section>
    ${mayAct() && html`<${Workbench} agent=${agent} />`}
    <section><h2>Schemas</h2><${Json} value=${agent.schemas} /></section>`;
}

/**
 * @param {string} name
 * @param {unknown} input
 */
function curlOf(name, input) {
  const body = JSON.stringify({ input }).replaceAll("'", "'\\''");
  return `curl -X POST '${location.origin}/admin/v1/agents/${encodeURIComponent(name)}/runs' \\
  -H 'authorization: Bearer YOUR_KEY' \\
  -H 'content-type: application/json' \\
  -d '${body}'`;
}
