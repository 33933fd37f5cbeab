/** The shape of a status, so that its colour is not all that tells it. */
const shapes = {
  queued: '○',
  starting: '◔',
  running: '●',
  resuming: '◕',
  delivering: '◕',
  interrupted: '◆',
  pending: '●',
  success: '✓',
  error: '✕',
  timeout: '◷',
  ok: '●',
  paused: '◆',
  degraded: '▲',
  down: '✕',
  unauthorised: '✕',
  stopped: '■',
  waiting: '○',
  delivered: '✓',
  failed: '✕',
};

/** @param {string} word */
export const shapeOf = (word) => /** @type {Record<string, string>} */ (shapes)[word] ?? '·';

/** @param {{ phase: string, status: string }} run */
export const stateOf = ({ phase, status }) => (phase === 'done' ? status : phase);

/** @param {number | null | undefined} ms */
export function duration(ms) {
  if (ms === null || ms === undefined) return '–';
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(Math.floor(seconds % 60)).padStart(2, '0')} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${String(minutes % 60).padStart(2, '0')} min` : `${Math.floor(hours / 24)} days`;
}

/** @param {string | null | undefined} instant */
export const since = (instant) => (instant ? duration(Math.max(0, Date.now() - Date.parse(instant))) : '–');

/** @param {string} instant */
export function clockTime(instant) {
  const at = new Date(instant);
  const two = (/** @type {number} */ n) => String(n).padStart(2, '0');
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, '0')}`;
}

/** @param {string} id */
export const shortId = (id) => (id.length > 14 ? `${id.slice(0, 8)}…${id.slice(-4)}` : id);

/**
 * @param {number} count
 * @param {string} noun
 */
export const plural = (count, noun) => `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;

/** @type {Record<string, string>} */
export const faultWords = {
  vendor: 'the vendor’s fault',
  client: 'the client’s doing',
  gateway: 'our fault',
  operator: 'an operator’s doing',
};
