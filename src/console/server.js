import { signal } from '@preact/signals';

const base = '/admin/v1';

/** @typedef {{ state: 'asked' | 'in' | 'out' | 'away', name: string, role: string, problem: string }} Session */

/** Who reads the console; `out` asks for a key, `away` says that the gateway does not answer. */
export const session = signal(/** @type {Session} */ ({ state: 'asked', name: '', role: '', problem: '' }));

class Refusal extends Error {
  /**
   * @param {number} status of the answer; 0 where there was none
   * @param {string} message
   */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/**
 * Asks the admin API. Rejects with a `Refusal` in the gateway's words.
 *
 * @param {string} method
 * @param {string} path below `/admin/v1`
 * @param {unknown} [body]
 * @returns {Promise<any>}
 */
export async function ask(method, path, body) {
  return await send(base + path, {
    method,
    headers: { 'X-Rungate-Console': '1', ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

/** @param {string} path */
export const read = (path) => ask('GET', path);

/**
 * @param {string} url
 * @param {RequestInit} request
 */
async function send(url, request) {
  // Errors in one form, whatever protocol has the root.
  const headers = { Accept: 'application/problem+json, application/json;q=0.9', ...request.headers };
  const answer = await fetch(url, { ...request, headers }).catch(() => null);
  if (answer === null) throw new Refusal(0, 'the gateway does not answer');
  const text = await answer.text();
  const parsed = text === '' ? null : JSON.parse(text);
  if (answer.ok) return parsed;
  if (answer.status === 401) session.value = { ...session.value, state: 'out' };
  const { title = answer.statusText, detail, path } = parsed ?? {};
  throw new Refusal(answer.status, detail === undefined ? title : [path, detail].filter(Boolean).join(' '));
}

/** Finds out whether the reader is known: by a session, by a proxy that adds a token, or because no key is needed. */
export async function recogniseReader() {
  try {
    const { name, role } = await read('/whoami');
    session.value = { state: 'in', name, role, problem: '' };
  } catch (error) {
    const { status, message } = /** @type {Refusal} */ (error);
    if (status === 403) session.value = { state: 'out', name: '', role: '', problem: message };
    else if (status !== 401) session.value = { state: 'away', name: '', role: '', problem: message };
  }
}

/** @param {string} key */
export async function logIn(key) {
  try {
    const headers = { Authorization: `Bearer ${key}` };
    const { name, role } = await send('/console/session', { method: 'POST', headers });
    session.value = { state: 'in', name, role, problem: '' };
  } catch (error) {
    const { message } = /** @type {Refusal} */ (error);
    session.value = { ...session.value, state: 'out', problem: message };
  }
}

export async function logOut() {
  await send('/console/session', { method: 'DELETE' });
  session.value = { state: 'out', name: '', role: '', problem: '' };
}

/** Whether the reader may act. */
export const mayAct = () => session.value.role === 'operator';
