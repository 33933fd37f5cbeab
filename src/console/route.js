import { signal } from '@preact/signals';

/** @typedef {{ page: string, name: string | null, query: URLSearchParams }} Route */

const root = '/console';

/** @returns {Route} */
function readRoute() {
  const [, , page = '', name] = location.pathname.split('/');
  return {
    page: page === '' ? 'now' : page,
    name: name === undefined ? null : decodeURIComponent(name),
    query: new URLSearchParams(location.search),
  };
}

export const route = signal(readRoute());

/**
 * @param {string} page
 * @param {string | null} [name]
 * @param {Record<string, string> | URLSearchParams} [query]
 */
export function linkTo(page, name = null, query = {}) {
  const search = new URLSearchParams(query).toString();
  return `${root}/${page}${name === null ? '' : `/${encodeURIComponent(name)}`}${search === '' ? '' : `?${search}`}`;
}

/**
 * @param {string} href
 * @param {{ replace?: boolean }} [options]
 */
export function go(href, { replace = false } = {}) {
  history[replace ? 'replaceState' : 'pushState'](null, '', href);
  route.value = readRoute();
  if (!replace) scrollTo(0, 0);
}

/** Links inside the console load no page. */
export function startRoutes() {
  addEventListener('popstate', () => {
    route.value = readRoute();
  });
  document.addEventListener('click', (event) => {
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (link === null || link.origin !== location.origin || !link.pathname.startsWith(root)) return;
    if (event.defaultPrevented || event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    go(link.pathname + link.search);
  });
}
