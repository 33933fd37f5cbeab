import { go, linkTo } from './route.js';

/**
 * What the page in view does for a key; a page sets it while it is shown.
 *
 * @type {{ cancel: (() => void) | null, choose: ((id: string) => void) | null }}
 */
export const pageKeys = { cancel: null, choose: null };

/** @param {{ pages: readonly string[], toggleHelp: () => void }} options */
export function startKeys({ pages, toggleHelp }) {
  document.addEventListener('keydown', (event) => {
    if (event.metaKey || event.ctrlKey || event.altKey || document.querySelector('dialog[open]') !== null) return;
    const { target, key } = event;
    if (target instanceof Element && target.matches('input:not([type=checkbox]), textarea, select')) {
      if (key === 'Escape' && target instanceof HTMLElement) target.blur();
      return;
    }
    const page = pages[Number(key) - 1];
    if (page !== undefined) go(linkTo(page));
    else if (key === 'j') step(1);
    else if (key === 'k') step(-1);
    else if (key === '/') document.querySelector('input')?.focus();
    else if (key === '?') toggleHelp();
    else if (key === 'c') pageKeys.cancel?.();
    else if (key === 'x') withRow((row) => pageKeys.choose?.(row.dataset.id ?? ''));
    else if (key === 'Enter' && target instanceof HTMLElement && target.dataset.href !== undefined)
      go(target.dataset.href);
    else return;
    event.preventDefault();
  });
}

/** @param {number} by */
function step(by) {
  const rows = [...document.querySelectorAll('[data-row]')];
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const next = rows[at < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, at + by))];
  if (next instanceof HTMLElement) next.focus();
}

/** @param {(row: HTMLElement) => void} use */
function withRow(use) {
  const row = document.activeElement?.closest('[data-row]');
  if (row instanceof HTMLElement) use(row);
}
