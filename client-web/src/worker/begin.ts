/**
 * A start that begins before the page that plays it is built: the worker asks for the session and attaches to it, while the page's thread
 * is busy with what is to be seen. The page then hears what has happened, and says what it would have done: the same.
 */
import type { Answer, Created } from '../api';
import { Ladder } from '../player/ladder';
import { ticketUrl } from '../player/url';
import type { StartSoFar, ToWorker } from './messages';

/** The attach that a page makes of this answer first; null: there is nothing to attach to, or it takes the page to do it. */
export function firstAttach(answer: Answer<Created>, start: StartSoFar): Extract<ToWorker, { type: 'attach' }> | null {
  if (!answer.ok) return null;
  const can = { direct: 'WebTransport' in globalThis, call: true, decoder: 'VideoDecoder' in globalThis, secure: true };
  const endpoint = new Ladder(null, can).pick(answer.value.endpoints);
  if (endpoint?.kind !== 'webtransport') return null;
  const { kind, url, certSha256 } = endpoint;
  return { type: 'attach', attempt: FIRST_ATTEMPT, kind, url: ticketUrl(url, answer.value.ticket), certSha256, start };
}

/** A machine's first. */
const FIRST_ATTEMPT = 1;
