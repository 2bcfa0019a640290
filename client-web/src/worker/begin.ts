/**
 * A start that begins before the page that plays it is built: the worker asks for the session and attaches to it, while the page's thread
 * is busy with what is to be seen. The page then hears what has happened, and says what it would have done: the same.
 */
import type { Raw } from '../exchange';
import { ticketUrl } from '../player/url';
import type { StartSoFar, ToWorker } from './messages';

/**
 * The attach that a page makes of this answer first, where the best endpoint is one that the worker reaches by itself; null: there is
 * nothing to attach to, or it is the page's to choose.
 */
export function firstAttach(raw: Raw | null, direct: boolean, start: StartSoFar): Extract<ToWorker, { type: 'attach' }> | null {
  if (raw?.status !== 201 || !direct) return null;
  // What is not as it should be, the page puts into words.
  const { ticket, endpoints } = parse(raw.text);
  const first = endpoints?.[0];
  if (typeof ticket !== 'string' || first?.kind !== 'webtransport') return null;
  const { kind, url, cert_sha256: certSha256 } = first;
  return { type: 'attach', attempt: FIRST_ATTEMPT, kind, url: ticketUrl(url, ticket), certSha256, start };
}

type Endpoint = { readonly kind: string; readonly url: string; readonly cert_sha256: readonly string[] };

function parse(text: string): { readonly ticket?: string; readonly endpoints?: readonly Endpoint[] } {
  try {
    return JSON.parse(text) as ReturnType<typeof parse>;
  } catch {
    return {};
  }
}

/** A machine's first. */
const FIRST_ATTEMPT = 1;
