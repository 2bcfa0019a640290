/** A browser's gamepad as the wire has it. Pure. */
import { PAD_BUTTONS, type Pad, restingPad } from '../wire';

/** A gamepad of the standard layout, as the browser has it: 17 buttons and 4 axes. */
export type PadLike = {
  readonly buttons: readonly { readonly pressed: boolean; readonly value: number }[];
  readonly axes: readonly number[];
};

/** What `gamepad` says, as pad `pad`; null: it is unplugged. What is missing or no number is at rest. */
export function padState(pad: number, gamepad: PadLike | null): Pad {
  if (gamepad === null) return restingPad(pad, false);
  const trigger = (n: number): number => Math.round(255 * within(gamepad.buttons[n]?.value, 0));
  let buttons = 0;
  for (let n = 0; n < 17; n += 1) if (gamepad.buttons[n]?.pressed === true) buttons |= 1 << n;
  return {
    pad,
    plugged: true,
    triggers: [trigger(6), trigger(7)],
    buttons: buttons & PAD_BUTTONS,
    sticks: [0, 1, 2, 3].map((n) => stick(within(gamepad.axes[n], -1))),
  };
}

function within(value: number | undefined, least: number): number {
  return value === undefined || Number.isNaN(value) ? 0 : Math.min(Math.max(value, least), 1);
}

function stick(value: number): number {
  if (Math.abs(value) < REST) return 0;
  const step = Math.round(value * STEPS) / STEPS;
  return Math.round(step < 0 ? step * 32_768 : step * 32_767);
}

/** A stick that nobody touches trembles by less, and every game lets more than that pass. */
const REST = 0.03;
/** Twice as fine as what a pad of eight bits tells; a finer tremble is noise, and would be sent 60 times a second. */
const STEPS = 256;
