/**
 * Gamepads of the browser to gamepads of the title.
 *
 * ```text
 * gamepadconnected, gamepaddisconnected -> places 0 to 3
 * each picture, while captured and one is there: navigator.getGamepads() -> what changed -> PlayerInput.pad
 * rumble -> vibrationActuator
 * ```
 *
 * A pad that is read is told as it is: nothing is remembered as pressed here, so nothing can stick. Without the capture nothing is read, and
 * the host has everything at rest.
 */
import type { PlayerEvents, PlayerInput } from '../player';
import { Scope } from '../ui/scope';
import { restingPad } from '../wire';
import type { News } from './news';
import { padState } from './pad-state';

export type GamepadWiring = {
  readonly input: Pick<PlayerInput, 'pad'>;
  readonly onNews: (news: News) => void;
};

/** A gamepad's `index` in the browser, and what of it was told last. */
type Place = { readonly index: number; told: string };

export class GamepadCapture {
  readonly #wiring: GamepadWiring;
  readonly #scope = new Scope();
  readonly #places: (Place | null)[] = [null, null, null, null];
  /** How many the title takes. */
  #limit = 0;
  #captured = false;
  #frame: number | null = null;

  constructor(wiring: GamepadWiring) {
    this.#wiring = wiring;
    this.#scope.on(window, 'gamepadconnected', ({ gamepad }: GamepadEvent) => this.#came(gamepad));
    this.#scope.on(window, 'gamepaddisconnected', ({ gamepad }: GamepadEvent) => this.#went(gamepad.index));
    this.#scope.add(() => this.setCaptured(false));
  }

  /** The title takes this many. Those that are there already, from a page before this one, come. */
  setLimit(limit: number): void {
    if (limit === this.#limit) return;
    this.#limit = limit;
    for (const gamepad of gamepads()) if (gamepad !== null) this.#came(gamepad);
  }

  setCaptured(captured: boolean): void {
    this.#captured = captured;
    if (captured) {
      this.#watch();
      return;
    }
    if (this.#frame !== null) cancelAnimationFrame(this.#frame);
    this.#frame = null;
    // The host has them at rest from now on.
    for (const place of this.#places) {
      if (place !== null) place.told = '';
      motors(place)?.reset().catch(ignore);
    }
  }

  rumble({ pad, strong, weak, durationMs }: PlayerEvents['rumble']): void {
    const actuator = this.#captured ? motors(this.#places[pad] ?? null) : null;
    if (actuator === null) return;
    const effect = { duration: durationMs, strongMagnitude: strong, weakMagnitude: weak };
    // A pad that has gone, or has no such motors, refuses: the title does not know better.
    (strong > 0 || weak > 0 ? actuator.playEffect('dual-rumble', effect) : actuator.reset()).catch(ignore);
  }

  close(): void {
    this.#scope.close();
  }

  #came(gamepad: Gamepad): void {
    if (this.#places.some((place) => place?.index === gamepad.index)) return;
    const free = this.#places.findIndex((place, n) => place === null && n < this.#limit);
    if (gamepad.mapping !== 'standard') {
      this.#tell('The browser does not know this gamepad’s layout: it can’t be used', true);
    } else if (free < 0) {
      this.#tell('This game takes no more gamepads', true);
    } else {
      this.#places[free] = { index: gamepad.index, told: '' };
      this.#wiring.input.pad(restingPad(free, true));
      this.#tell(`Gamepad ${free + 1} is ready`);
      this.#watch();
    }
  }

  #went(index: number): void {
    const pad = this.#places.findIndex((place) => place?.index === index);
    if (pad < 0) return;
    this.#places[pad] = null;
    this.#wiring.input.pad(restingPad(pad, false));
    this.#tell(`Gamepad ${pad + 1} is gone`);
  }

  #tell(words: string, trouble = false): void {
    this.#wiring.onNews({ words, trouble });
  }

  /** Reads in step with the display, as long as there is something to read. */
  #watch(): void {
    if (!this.#captured || this.#frame !== null || this.#places.every((place) => place === null)) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = null;
      this.#read();
      this.#watch();
    });
  }

  #read(): void {
    const known = gamepads();
    this.#places.forEach((place, pad) => {
      const gamepad = place === null ? null : known[place.index];
      if (place === null || gamepad == null) return;
      const state = padState(pad, gamepad);
      const told = JSON.stringify(state);
      if (told === place.told) return;
      place.told = told;
      this.#wiring.input.pad(state);
    });
  }
}

/** Not there on pages that are not secure, in some browsers. */
function gamepads(): readonly (Gamepad | null)[] {
  return 'getGamepads' in navigator ? navigator.getGamepads() : [];
}

function motors(place: { readonly index: number } | null): GamepadHapticActuator | null {
  const gamepad = place === null ? null : gamepads()[place.index];
  // Older browsers have none, whatever the types say.
  return (gamepad?.vibrationActuator as GamepadHapticActuator | null | undefined) ?? null;
}

function ignore(): void {}
