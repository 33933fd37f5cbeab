import { signal } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';
import { recogniseReader } from './server.js';

/**
 * @typedef {{ kind: string, run_id?: string, phase?: string, status?: string, removed?: boolean }} Change
 * @typedef {{ data: any, problem: string, refresh: () => void, patch: (change: (data: any) => any) => void }} Reading
 */

const kinds = ['reset', 'run', 'backend', 'stop', 'lift', 'replica', 'config'];
/** Changes are shown at most ten times a second, however many there are. */
const showMs = 100;
const reopenMs = 2000;

export const isLive = signal(false);

/** @type {Set<(changes: readonly Change[]) => void>} */
const listeners = new Set();
/** @type {Change[]} */
let pending = [];
let timer = 0;
/** @type {EventSource | null} */
let source = null;

/** @param {Change} change */
function note(change) {
  pending.push(change);
  if (timer !== 0) return;
  timer = setTimeout(() => {
    timer = 0;
    const changes = pending;
    pending = [];
    for (const listener of [...listeners]) listener(changes);
  }, showMs);
}

function open() {
  if (source !== null || document.hidden) return;
  const opened = new EventSource('/admin/v1/stream');
  source = opened;
  opened.onopen = () => {
    isLive.value = true;
  };
  opened.onerror = () => {
    isLive.value = false;
    if (opened.readyState !== EventSource.CLOSED) return;
    close();
    setTimeout(() => void recogniseReader().then(open), reopenMs);
  };
  for (const kind of kinds) opened.addEventListener(kind, ({ data }) => note(JSON.parse(data)));
}

function close() {
  source?.close();
  source = null;
  isLive.value = false;
}

/** One stream for the whole page. A tab that is not looked at has none; it asks for everything anew when it is. */
export function startStream() {
  open();
  const onVisibility = () => (document.hidden ? close() : open());
  document.addEventListener('visibilitychange', onVisibility);
  return () => {
    document.removeEventListener('visibilitychange', onVisibility);
    close();
  };
}

/**
 * What `ask` answers, read again when something of these kinds changes: at once after a pause, and at most every `minMs`.
 *
 * @param {string} key another one is another question
 * @param {() => Promise<any>} ask
 * @param {{ on?: readonly string[], minMs?: number, everyMs?: number, onChange?: (change: Change, data: any) => any }} [options]
 * @returns {Reading}
 */
export function useReading(key, ask, { on = kinds, minMs = 700, everyMs = 15_000, onChange } = {}) {
  const [answer, setAnswer] = useState(
    /** @type {{ key: string, data: any, problem: string }} */ ({ key, data: null, problem: '' }),
  );
  const latest = useRef({ ask, onChange });
  latest.current = { ask, onChange };
  const refresh = useRef(() => {});

  useEffect(() => {
    let isOver = false;
    let isAsking = false;
    let isStale = false;
    let next = 0;
    const read = async () => {
      clearTimeout(next);
      next = 0;
      if (isAsking) {
        isStale = true;
        return;
      }
      isAsking = true;
      isStale = false;
      try {
        const data = await latest.current.ask();
        if (!isOver) setAnswer({ key, data, problem: '' });
      } catch (error) {
        if (!isOver)
          setAnswer((before) => ({
            key,
            data: before.key === key ? before.data : null,
            problem: String(/** @type {Error} */ (error).message),
          }));
      }
      isAsking = false;
      if (!isOver) plan(isStale ? minMs : everyMs);
    };
    /** @param {number} ms */
    const plan = (ms) => {
      clearTimeout(next);
      next = setTimeout(() => (document.hidden ? plan(everyMs) : void read()), ms);
    };
    let lastPlannedMs = 0;
    /** @param {readonly Change[]} changes */
    const listener = (changes) => {
      const wanted = changes.filter(({ kind }) => kind === 'reset' || on.includes(kind));
      if (wanted.length === 0) return;
      const { onChange: patchOf } = latest.current;
      if (patchOf !== undefined)
        setAnswer((before) =>
          before.data === null
            ? before
            : { ...before, data: wanted.reduce((data, change) => patchOf(change, data), before.data) },
        );
      const nowMs = performance.now();
      const waitMs = Math.max(0, lastPlannedMs + minMs - nowMs);
      if (isAsking) isStale = true;
      else if (waitMs === 0 || next === 0) {
        lastPlannedMs = nowMs;
        plan(waitMs);
      } else if (nowMs - lastPlannedMs < minMs) plan(waitMs);
    };
    listeners.add(listener);
    refresh.current = () => void read();
    void read();
    return () => {
      isOver = true;
      clearTimeout(next);
      listeners.delete(listener);
    };
  }, [key]);

  return {
    data: answer.key === key ? answer.data : null,
    problem: answer.key === key ? answer.problem : '',
    refresh: () => refresh.current(),
    patch: (change) => setAnswer((before) => ({ ...before, data: change(before.data) })),
  };
}
