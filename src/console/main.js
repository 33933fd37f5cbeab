import { signal } from '@preact/signals';
import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { AgentsPage } from './agents-page.js';
import { BackendsPage, QueuesPage, ReplicasPage, WebhooksPage } from './backend-pages.js';
import { ConfigPage } from './config-page.js';
import { Dialogs } from './dialogs.js';
import { startKeys } from './keys.js';
import { isLive, startStream, useReading } from './live.js';
import { NowPage } from './now-page.js';
import { go, linkTo, route, startRoutes } from './route.js';
import { RunPage } from './run-page.js';
import { RunsPage } from './runs-page.js';
import { logIn, logOut, read, recogniseReader, session } from './server.js';
import { html } from './view.js';

/** @type {readonly (readonly [string, string, (props: { name: string | null }) => any])[]} */
const pages = [
  ['now', 'Now', NowPage],
  ['runs', 'Runs', ({ name }) => (name === null ? html`<${RunsPage} />` : html`<${RunPage} key=${name} id=${name} />`)],
  ['backends', 'Backends', ({ name }) => html`<${BackendsPage} key=${name} name=${name} />`],
  ['queues', 'Queues', QueuesPage],
  ['webhooks', 'Webhooks', WebhooksPage],
  ['agents', 'Agents', ({ name }) => html`<${AgentsPage} key=${name} name=${name} />`],
  ['replicas', 'Replicas', ReplicasPage],
  ['config', 'Config', ConfigPage],
];

const isHelpOpen = signal(false);

function Console() {
  const { state } = session.value;
  if (state === 'asked') return html`<p class="faint">…</p>`;
  if (state === 'in') return html`<${Frame} /><${Dialogs} />`;
  if (state === 'away')
    return html`<main class="login"><h1>rungate</h1><p class="problem" role="alert">${session.value.problem}</p><button onClick=${recogniseReader}>Try again</button></main>`;
  return html`<${Login} />`;
}

function Login() {
  const [key, setKey] = useState('');
  const submit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    void logIn(key.trim());
  };
  return html`<main class="login"><h1>rungate</h1>
    <form onSubmit=${submit}>
      <label>Key with the role viewer or operator
        <input type="password" name="key" autocomplete="current-password" required autofocus value=${key} onInput=${(/** @type {InputEvent} */ event) => setKey(/** @type {HTMLInputElement} */ (event.currentTarget).value)} />
      </label>
      ${session.value.problem !== '' && html`<p class="problem" role="alert">${session.value.problem}</p>`}
      <button class="strong">Log in</button>
    </form>
    <p class="faint">A key gets its role in the config: <code>auth.keys[].role</code>. <code>rungate key</code> makes one.</p>
  </main>`;
}

function Frame() {
  useEffect(startStream, []);
  const { page, name: shown } = route.value;
  const reading = useReading('frame', () => read('/overview'), { on: ['config', 'replica'], everyMs: 30_000 });
  const { version, config_hash: hash } = reading.data ?? {};
  const Page = pages.find(([name]) => name === page)?.[2] ?? NowPage;
  const find = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const text = String(new FormData(/** @type {HTMLFormElement} */ (event.currentTarget)).get('text') ?? '').trim();
    if (/^[\da-f]{8}-[\da-f-]{27}$/i.test(text)) go(linkTo('runs', text));
    else if (text !== '') go(linkTo('runs', null, { text }));
  };
  return html`
    <header>
      <strong>rungate</strong>
      <nav>${pages.map(([name, label]) => html`<a href=${linkTo(name)} aria-current=${name === page ? 'page' : undefined}>${label}</a>`)}</nav>
      <form role="search" onSubmit=${find}><input type="search" name="text" placeholder="/ run id, or text" aria-label="Find runs" /></form>
      <span class="faint">${version && `${version} · config ${hash.slice(0, 8)}`}</span>
      <span class="live ${isLive.value ? 'on' : ''}" role="status">${isLive.value ? '● live' : '○ not live'}</span>
      <button class="plain" onClick=${() => (isHelpOpen.value = !isHelpOpen.value)} aria-label="Keys">?</button>
      ${session.value.name !== 'anonymous' && html`<button class="plain" onClick=${logOut} title=${`${session.value.name}, ${session.value.role}`}>Log out</button>`}
    </header>
    ${isHelpOpen.value && html`<p class="help"><kbd>j</kbd> <kbd>k</kbd> next and previous row, <kbd>enter</kbd> open, <kbd>x</kbd> choose, <kbd>c</kbd> cancel what is chosen, <kbd>/</kbd> find, <kbd>1</kbd>–<kbd>9</kbd> pages, <kbd>?</kbd> this line</p>`}
    <main><${Page} name=${shown} /></main>
  `;
}

startRoutes();
startKeys({
  pages: pages.map(([name]) => name),
  toggleHelp: () => {
    isHelpOpen.value = !isHelpOpen.value;
  },
});
const place = document.querySelector('#console');
if (place !== null) render(html`<${Console} />`, place);
void recogniseReader();
