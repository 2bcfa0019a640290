/** Where a session is attached to, with what lets in. */

export function ticketUrl(url: string, ticket: string): string {
  return withCredential(url, `ticket=${encodeURIComponent(ticket)}`);
}

export function withCredential(url: string, credential: string): string {
  return `${url}${url.includes('?') ? '&' : '?'}${credential}`;
}
