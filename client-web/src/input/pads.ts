/**
 * The gamepads as the host was told of them: the pads' part of `InputSender`, twin of `transport/proto/src/input/sender.rs`.
 */
import { PAD_BUTTONS, type Pad, restingPad } from '../wire';

export class Pads {
  #told = [0, 1, 2, 3].map((pad) => restingPad(pad, false));

  /** Takes a pad as it is: whether it only moves, and presses and releases nothing; null when there is no such pad or it is as it was. */
  take(state: Pad): { readonly next: Pad; readonly moves: boolean } | null {
    const old = this.#told[state.pad];
    const next = state.plugged ? { ...state, buttons: state.buttons & PAD_BUTTONS } : restingPad(state.pad, false);
    if (old === undefined || same(old, next)) return null;
    this.#told[state.pad] = next;
    return { next, moves: old.plugged === next.plugged && old.buttons === next.buttons };
  }

  /** Without focus, nothing is pressed. */
  rest(): void {
    this.#told = this.#told.map(({ pad, plugged }) => restingPad(pad, plugged));
  }

  get plugged(): readonly Pad[] {
    return this.#told.filter(({ plugged }) => plugged);
  }

  get areAtRest(): boolean {
    return this.#told.every(isAtRest);
  }
}

export function isAtRest(pad: Pad): boolean {
  return same(pad, restingPad(pad.pad, pad.plugged));
}

function same(a: Pad, b: Pad): boolean {
  const values = ({ plugged, buttons, triggers, sticks }: Pad): string => [plugged, buttons, ...triggers, ...sticks].join();
  return values(a) === values(b);
}
