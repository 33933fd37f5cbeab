// Makes what a page does with LangGraph's hook for React: say something, reload, answer a question, go on after a cut. Writes one
// line of JSON for each.
//
//   node use-stream.mjs URL FOLDER_WITH_NODE_MODULES
import { startCuttingProxy } from './cutting-proxy.mjs';
import { importFrom, recorder } from './recorder.mjs';

const [serverUrl, folder] = process.argv.slice(2);
// The hook keeps the run that it watches in the session of a browser, where it can.
const session = new Map();
const storage = {
  getItem: (name) => session.get(name) ?? null,
  setItem: (name, value) => session.set(name, value),
  removeItem: (name) => session.delete(name),
};
globalThis.window = { sessionStorage: storage };
// What the hook leaves unhandled is a line in a browser's console, and no end of the page.
process.on('unhandledRejection', (fault) => process.stderr.write(`unhandled: ${fault}\n`));
const { useStream } = await importFrom(folder, '@langchain/langgraph-sdk/react');
const { default: React } = await importFrom(folder, 'react');
const { default: renderer } = await importFrom(folder, 'react-test-renderer');
const proxy = await startCuttingProxy(serverUrl);
const call = recorder();
const maxWaitMs = 30_000;

/** A page with one chat. `until` resolves as soon as it shows what is waited for. */
async function open(assistantId, options = {}) {
  let shown;
  let watchers = [];
  const seen = { errors: [], threadId: options.threadId ?? null, runs: [] };
  function Chat({ threadId }) {
    shown = useStream({
      apiUrl: proxy.url,
      apiKey: null,
      assistantId,
      fetchStateHistory: true,
      throttle: false,
      callerOptions: { maxRetries: 0 },
      ...options,
      threadId,
      onThreadId: (id) => {
        seen.threadId = id;
        page.update(React.createElement(Chat, { threadId: id }));
      },
      onCreated: (run) => seen.runs.push(run),
      onError: (error) => seen.errors.push(String(error?.message ?? error)),
    });
    // The hook hands out fresh values with each rendering, and asks for the messages that are read in it.
    void shown.messages;
    React.useEffect(() => {
      for (const watcher of watchers.slice()) watcher();
    });
    return null;
  }
  const page = renderer.create(React.createElement(Chat, { threadId: seen.threadId }));
  const opened = {
    seen,
    get chat() {
      return shown;
    },
    async until(what, isSo) {
      await new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          const { messages, values, isLoading, error } = shown;
          const state = JSON.stringify({ messages, values, isLoading, error: String(error) });
          reject(new Error(`the page never shows ${what}: ${state} ${seen.errors}`));
        }, maxWaitMs);
        const watcher = () => {
          if (shown === undefined || !isSo(shown)) return;
          clearTimeout(timer);
          watchers = watchers.filter((each) => each !== watcher);
          resolve();
        };
        watchers.push(watcher);
        watcher();
      });
    },
    close: () => page.unmount(),
  };
  await opened.until('a chat', () => true);
  return opened;
}

/** What a page noticed, which is part of what a call comes to: a page that shows an error has failed, whatever it shows besides. */
function noticed({ seen: { errors } }) {
  if (errors.length > 0) throw new Error(errors.join('; '));
  return errors;
}

const texts = ({ messages }) => messages.map(({ type, content }) => [type, content]);
const say = (content) => ({ messages: [{ type: 'human', content }] });
const isIdle = ({ isLoading }) => !isLoading;

let talk = await open('chat');
await call('submit', async () => {
  await talk.chat.submit(say('hi'));
  await talk.until('the answer', (chat) => isIdle(chat) && chat.messages.length === 2);
  return { texts: texts(talk.chat), errors: noticed(talk) };
});
await call('a second turn', async () => {
  await talk.chat.submit(say('ho'));
  await talk.until('the answer', (chat) => isIdle(chat) && chat.messages.length === 4);
  return { texts: texts(talk.chat), errors: noticed(talk) };
});
await call('onThreadId and onCreated', () => Promise.resolve({ threadId: talk.seen.threadId, run: talk.seen.runs[0] }));
await call('history', async () => {
  await talk.until('its history', ({ history }) => history.at(-1)?.values.messages?.length === 4);
  // The hook lists them from the oldest on.
  const newest = talk.chat.history.at(-1);
  return { values: Object.keys(newest.values).toSorted(), next: newest.next };
});
await call('reload', async () => {
  const { threadId } = talk.seen;
  talk.close();
  talk = await open('chat', { threadId });
  await talk.until('what was said', ({ messages }) => messages.length === 4);
  return { texts: texts(talk.chat), errors: noticed(talk) };
});
talk.close();

let asked = await open('approval');
await call('interrupt', async () => {
  await asked.chat.submit({ question: 'ok?' });
  await asked.until('the question', (chat) => isIdle(chat) && chat.interrupt !== undefined);
  return { question: asked.chat.interrupt.value.question, errors: noticed(asked) };
});
await call('reload of a question', async () => {
  const { threadId } = asked.seen;
  asked.close();
  asked = await open('approval', { threadId });
  await asked.until('the question', (chat) => chat.interrupt !== undefined);
  return { question: asked.chat.interrupt.value.question };
});
await call('resume', async () => {
  await asked.chat.submit(undefined, { command: { resume: { approved: true } } });
  await asked.until('the end', (chat) => isIdle(chat) && chat.values.approved === true);
  return { approved: asked.chat.values.approved, interrupt: asked.chat.interrupt ?? null, errors: noticed(asked) };
});
asked.close();

await call('joinStream', async () => {
  const page = await open('slow');
  const { thread_id: threadId } = await page.chat.client.threads.create();
  const { run_id: runId } = await page.chat.client.runs.create(threadId, 'slow', {
    input: { ms: 1500 },
    streamResumable: true,
  });
  page.close();
  const joined = await open('slow', { threadId });
  await joined.chat.joinStream(runId);
  await joined.until('the end', (chat) => isIdle(chat) && chat.values.ms === 1500);
  joined.close();
  return { ms: joined.chat.values.ms, errors: noticed(joined) };
});
await call('reconnect after a cut', async () => {
  const page = await open('slow', { onUpdateEvent: () => {} });
  proxy.takeCalls();
  proxy.cutAfter(2);
  await page.chat.submit({ ms: 3000 }, { streamResumable: true, onDisconnect: 'continue' });
  await page.until('the end', (chat) => isIdle(chat) && chat.values.ms === 3000);
  page.close();
  return { ms: page.chat.values.ms, errors: noticed(page), calls: proxy.takeCalls() };
});
await call('reconnect after a reload', async () => {
  const page = await open('slow', { reconnectOnMount: true });
  const submitted = page.chat.submit({ ms: 3000 }, { streamResumable: true, onDisconnect: 'continue' });
  await page.until('the run', () => page.seen.runs.length > 0);
  const { threadId } = page.seen;
  page.close();
  proxy.takeCalls();
  const again = await open('slow', { threadId, reconnectOnMount: true });
  await again.until('the run', ({ isLoading }) => isLoading);
  await again.until('the end', (chat) => isIdle(chat) && chat.values.ms === 3000);
  await submitted;
  const result = { ms: again.chat.values.ms, errors: noticed(again), calls: proxy.takeCalls() };
  again.close();
  return result;
});
await call('stop', async () => {
  const page = await open('slow', { reconnectOnMount: true });
  const submitted = page.chat.submit({ ms: 20_000 }, { streamResumable: true, onDisconnect: 'continue' });
  await page.until('the run', () => page.seen.runs.length > 0);
  const [{ thread_id: threadId, run_id: runId }] = page.seen.runs;
  await page.chat.stop();
  await submitted;
  await page.until('that it is idle', isIdle);
  await page.chat.client.runs.join(threadId, runId);
  const run = await page.chat.client.runs.get(threadId, runId);
  page.close();
  return { status: run.status };
});
await call('an agent that fails', async () => {
  const page = await open('fail');
  await page.chat.submit({ message: 'boom' });
  await page.until('the error', ({ error }) => error !== undefined);
  page.close();
  return { says: String(page.chat.error.message).includes('boom') };
});
proxy.close();
process.exit();
