/** Which page an address is. */

export type Route =
  | { readonly page: 'library' }
  | { readonly page: 'play'; readonly title: string; readonly autostart: boolean }
  | { readonly page: 'missing' };

export function parseRoute(pathname: string, search = ''): Route {
  const path = pathname.replace(/\/+$/, '');
  if (path === '' || path === '/index.html') return { page: 'library' };
  const title = /^\/play\/([^/]+)$/.exec(path)?.[1];
  if (title === undefined || !TITLE_ID.test(title)) return { page: 'missing' };
  return { page: 'play', title, autostart: new URLSearchParams(search).get('autostart') === '1' };
}

export function playPath(title: string): string {
  return `/play/${encodeURIComponent(title)}`;
}

/** Of a session's report: a document of its own, which is no part of this app. */
export function reportPath(session: string): string {
  return `/report/${encodeURIComponent(session)}`;
}

/** As in the title manifest. */
const TITLE_ID = /^[a-z0-9-]{1,64}$/;
