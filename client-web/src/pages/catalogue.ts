/** What the pages ask of the engine, and the words for what it answers. */

import type { Answer, Api, Session, TitleCard } from '../api';

export type { TitleCard } from '../api';

export type OwnSession = Pick<Session, 'session' | 'title' | 'state' | 'waitLeft'>;

export type Catalogue = {
  titles(signal: AbortSignal): Promise<readonly TitleCard[]>;
  /** Those of this browser's player. */
  sessions(signal: AbortSignal): Promise<readonly OwnSession[]>;
  end(session: string): Promise<void>;
};

/** Thrown where the engine refuses or does not answer; the pages say so in words of their own. */
export class NoAnswer extends Error {
  readonly problem: string;

  constructor(problem: string) {
    super(`the engine's answer: ${problem}`);
    this.problem = problem;
  }
}

export function engineCatalogue(api: Pick<Api, 'titles' | 'sessions' | 'end'>): Catalogue {
  return {
    titles: async (signal) => expectAnswer(await api.titles(signal)),
    sessions: async (signal) => expectAnswer(await api.sessions(signal)),
    end: async (session) => void expectAnswer(await api.end(session)),
  };
}

function expectAnswer<T>(answer: Answer<T>): T {
  if (!answer.ok) throw new NoAnswer(answer.problem);
  return answer.value;
}

/** `1280×720 · 60 fps · sound · mouse and keyboard`, in parts. */
export function traits(title: TitleCard): string[] {
  const { display, input } = title;
  const controls = [
    input.keyboard ? 'keyboard' : '',
    input.mouse === 'none' || input.mouse === '' ? '' : 'mouse',
    input.gamepads > 0 ? 'gamepad' : '',
    input.touch ? 'touch' : '',
  ].filter((word) => word !== '');
  return [`${display.height}p${display.fps}`, controls.join(' + '), title.audio ? 'sound' : 'no sound'].filter(
    (word) => word !== '',
  );
}

/** A hue of its own for a title that has no picture; the same on every visit. */
export function hue(id: string): number {
  let hash = 7;
  for (const char of id) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) % 3600;
  return hash % 360;
}
