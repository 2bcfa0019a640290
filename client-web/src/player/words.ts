/** Words for the player, for everything that can end or prevent a session. */
import type { Problem } from '../api';
import type { EndWords } from './types';

/** For an end reason of the protocol or the API; `message` is the engine's own sentence, where it sent one. */
export function endWords(reason: string, message: string | null = null): EndWords {
  const known = ENDS[reason] ?? {
    title: 'The session ended',
    message: 'It is over on the engine’s side.',
  };
  return {
    reason,
    title: known.title,
    message: message !== null && message !== '' ? message : known.message,
    canRestart: reason !== 'taken_over',
    canTakeBack: reason === 'taken_over',
  };
}

/** For a problem of the API while starting. `canTakeBack`: this player's session of the title is played elsewhere. */
export function problemWords(problem: Problem, canTakeBack: boolean): EndWords {
  const { elsewhere } = problem;
  const { title, message } = PROBLEMS[problem.problem] ?? {
    title: 'It could not be started',
    message: problem.detail === '' ? `The engine answered with status ${problem.status}.` : problem.detail,
  };
  const when = problem.problem === 'full' ? ` ${whenWords(problem.retryAfterS)}` : '';
  const where = canTakeBack ? ' You are playing in another tab or on another device: you can go on here instead.' : '';
  return { reason: reasonOf(problem.problem), title, message: message + when + where, canRestart: true, canTakeBack, ...(elsewhere === undefined ? {} : { elsewhere }) };
}

/** What this browser can do at this address. */
export type Abilities = {
  /** WebTransport. */
  readonly direct: boolean;
  /** WebRTC, which decodes by itself and wants no secure address. */
  readonly call: boolean;
  /** WebCodecs. */
  readonly decoder: boolean;
  readonly secure: boolean;
};

/** What is lacking for every way to play; null: there is one. */
export function missingWords({ direct, call, decoder, secure }: Abilities): EndWords | null {
  // At a secure address there is a WebSocket at least, and what seals it.
  if (call || (decoder && (direct || secure))) return null;
  return noWayWords({ direct, call, decoder, secure });
}

/** Why none of the ways that the engine offers can be gone. */
export function noWayWords({ decoder, secure }: Abilities): EndWords {
  if (!secure) return INSECURE_ORIGIN;
  return decoder ? NO_TRANSPORT : NO_CODEC;
}

export function failed(reason: string, title: string, message: string): EndWords {
  return { reason, title, message, canRestart: true, canTakeBack: false };
}

export const INSECURE_ORIGIN = failed(
  'insecure_origin',
  'This address is not secure',
  'Browsers give pages what a game needs only over https://, or on this machine over http://localhost. Open the game by one of those addresses.',
);

export const NO_CODEC = failed(
  'no_codec',
  'This browser cannot decode the picture',
  'It needs WebCodecs with H.264. A current Chrome, Edge or Chromium has it.',
);

export const NO_TRANSPORT = failed(
  'no_webtransport',
  'This browser cannot connect to the game',
  'It has nothing of what this engine offers: WebTransport, WebRTC or a WebSocket. A current browser has all of them.',
);

export const MEDIA_UNREACHABLE = failed(
  'media_unreachable',
  'The picture cannot get through',
  'The engine answers, but its media port does not. A firewall between here and there may block UDP.',
);

export const VERSION_MISMATCH = failed(
  'version',
  'This page is too old or too new',
  'Page and engine do not speak the same version of the protocol. Reload the page.',
);

export const PROTOCOL_BROKEN = failed(
  'protocol',
  'Page and engine misunderstood each other',
  'The connection was closed because of that. Reload the page and start again.',
);

function whenWords(retryAfterS: number | null): string {
  if (retryAfterS === null) return 'Try again in a little while.';
  if (retryAfterS <= 90) return `Try again in ${Math.max(Math.round(retryAfterS), 1)} seconds.`;
  return `Try again in ${Math.round(retryAfterS / 60)} minutes.`;
}

function reasonOf(problem: string): string {
  return problem === '' ? 'engine' : problem.replace(/-/g, '_');
}

type Words = { readonly title: string; readonly message: string };

const ENDS: Readonly<Partial<Record<string, Words>>> = {
  title_exited: { title: 'The game has ended', message: 'It was closed from within.' },
  title_crashed: { title: 'The game has crashed', message: 'It stopped working. Your saved progress is kept.' },
  by_player: { title: 'You ended the game', message: 'Your saved progress is kept.' },
  by_operator: { title: 'The operator ended the game', message: 'Your saved progress is kept.' },
  engine_stopping: { title: 'The engine was stopped', message: 'The game ended with it. Your saved progress is kept.' },
  engine_fault: { title: 'Something broke on the engine', message: 'The game ended because of it. Your saved progress is kept.' },
  engine_restarted: {
    title: 'The engine was started anew',
    message: 'The game you were in is gone. Your saved progress is kept.',
  },
  host_lost: {
    title: 'The machine you played on is gone',
    message: 'You can start again at once, on another. What you saved lies on that machine.',
  },
  gave_way: {
    title: 'The game made room for somebody else',
    message: 'You were away while another player needed the place. Your saved progress is kept.',
  },
  not_resumed: { title: 'The game waited, and ended', message: 'You were away for too long. Your saved progress is kept.' },
  taken_over: { title: 'You are playing elsewhere', message: 'The game goes on in another tab or on another device.' },
};

const PROBLEMS: Readonly<Partial<Record<string, Words>>> = {
  full: { title: 'All places are taken', message: 'This engine has no room for another game right now.' },
  'unknown-title': { title: 'There is no such game here', message: 'It may have been removed. Look into the library.' },
  'unknown-session': { title: 'That game is over', message: 'The engine does not know it any more.' },
  'too-many': { title: 'Too many tries', message: 'Wait a few seconds, then try again.' },
  unreachable: { title: 'The engine does not answer', message: 'It may be down, or the network between here and there.' },
};
