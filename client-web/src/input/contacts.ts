/** The fingers that are on the player's screen: the touches' part of `InputSender`, twin of `transport/proto/src/input/contacts.rs`. */
import { CONTACTS_MAX, type FingerEvent } from '../wire';

export class Contacts {
  /** Bit n: finger n. */
  mask = 0;

  /** `false` when that cannot be: it is there already, was never there, or does not exist. */
  take({ contact, phase }: FingerEvent): boolean {
    const bit = contact >= 0 && contact < CONTACTS_MAX ? 1 << contact : 0;
    const before = this.mask;
    if (phase === 'cancel') this.mask = 0;
    else if (phase === 'down') this.mask |= bit;
    else if (phase === 'up') this.mask &= ~bit;
    return phase === 'move' ? (before & bit) !== 0 : this.mask !== before;
  }
}
