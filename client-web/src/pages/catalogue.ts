/** What the pages ask of the engine, and the words for what it answers. */

export type TitleCard = {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  /** Address of its picture. */
  readonly picture: string | null;
  readonly display: { readonly width: number; readonly height: number; readonly fps: number };
  readonly audio: boolean;
  readonly input: {
    readonly keyboard: boolean;
    readonly mouse: string;
    readonly gamepads: number;
    readonly touch: boolean;
  };
};

export type OwnSession = {
  readonly session: string;
  readonly title: string;
  readonly state: 'starting' | 'ready' | 'attached' | 'waiting' | 'ended';
  /** Seconds it will go on waiting for its player; only while it waits. */
  readonly waitLeft: number | null;
};

export type Catalogue = {
  titles(signal: AbortSignal): Promise<readonly TitleCard[]>;
  /** Those of this browser's player. */
  sessions(signal: AbortSignal): Promise<readonly OwnSession[]>;
  end(session: string): Promise<void>;
};

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
