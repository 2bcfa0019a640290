/**
 * Mouse, touch and wheel of the document to the title's pointer.
 *
 * ```text
 * pointerrawupdate | pointermove -> absolute: where on the picture   -> moveTo
 *                                   locked:   movement, in its pixels -> moveBy
 * MouseEvent.buttons of every event -> difference to what was sent    -> button
 * wheel -> 120ths of a notch -> wheel
 * ```
 *
 * Buttons follow the `buttons` mask and not single events, so a release that happened elsewhere is noticed by the next
 * event of any kind. A press that takes the pointer lock is for the browser and never reaches the title.
 */
import type { PlayerInput, PointerMode, Rect } from '../player';
import { buttonChanges, pictureRect, toPicture, wheelSteps, WholeSteps, type Point, type Size } from './capture-rules';
import { Fingers } from './capture-touch';
import { Scope } from '../ui/scope';

/** `offered`: a click would lock; `locked`: the title has the mouse; `free`: an ordinary pointer. */
export type PointerHold = 'free' | 'offered' | 'locked';

export type PointerWiring = {
  readonly stage: HTMLElement;
  readonly input: Pick<PlayerInput, 'button' | 'moveTo' | 'moveBy' | 'wheel' | 'touch'>;
  /** Whether the title has the focus: nothing is sent otherwise. */
  readonly isCaptured: () => boolean;
  /** A press on the stage, before it is read: the moment to take the focus. */
  readonly onPress: () => void;
  readonly onEvent: (event: MouseEvent) => void;
  readonly onHold: (hold: PointerHold) => void;
  /** The lock is gone and the page did not ask for it. */
  readonly onLockTaken: () => void;
};

export class PointerCapture {
  readonly #wiring: PointerWiring;
  readonly #scope = new Scope();
  readonly #moves = new WholeSteps();
  readonly #wheel = new WholeSteps();
  #mode: PointerMode = 'absolute';
  #cursorHidden = false;
  #size: Size = { width: 16, height: 9 };
  #picture: Rect = { x: 0, y: 0, width: 1, height: 1 };
  #active = false;
  #buttons = 0;
  /** Buttons whose press was the browser's: ignored until they are up. */
  #swallowed = 0;
  /** The last place sent; null: unknown to the title. */
  #lastPlace: Point | null = null;
  /** For a title that is played by touch. */
  #fingers: Fingers | null = null;
  #touch: number | null = null;
  #touchAt: { x: number; y: number } | null = null;
  #locking = false;
  #skipMovement = false;
  #lockFailures = 0;
  #unlockWanted = false;
  /** The page let the lock go itself, so it may take it again without a click. */
  #relockAllowed = false;
  #hold: PointerHold = 'free';

  constructor(wiring: PointerWiring) {
    this.#wiring = wiring;
    const { stage } = wiring;
    const scope = this.#scope;
    const moveType = 'onpointerrawupdate' in stage ? 'pointerrawupdate' : 'pointermove';
    scope.on(stage, moveType, (event: PointerEvent) => this.#move(event));
    // A second button going down or up while one is held comes as a pointermove.
    if (moveType !== 'pointermove') scope.on(stage, 'pointermove', (event: PointerEvent) => this.#syncButtons(event));
    scope.on(stage, 'pointerdown', (event: PointerEvent) => this.#down(event));
    scope.on(stage, 'pointerup', (event: PointerEvent) => this.#up(event));
    scope.on(stage, 'pointercancel', (event: PointerEvent) => this.#up(event));
    scope.on(stage, 'wheel', (event: WheelEvent) => this.#roll(event), { passive: false });
    for (const type of ['mousedown', 'mouseup', 'auxclick', 'contextmenu', 'dragstart', 'selectstart']) {
      // No text selection, no middle-click scrolling, no history by the side buttons, no menus.
      scope.on(stage, type, (event: Event) => event.preventDefault());
    }
    scope.on(document, 'pointerlockchange', () => this.#lockChanged());
    scope.on(window, 'resize', () => this.#measure());
    scope.on(window, 'scroll', () => this.#measure(), { capture: true, passive: true });
    const resizes = new ResizeObserver(() => this.#measure());
    resizes.observe(stage);
    scope.add(() => resizes.disconnect());
    this.#measure();
  }

  /** How much larger than itself the picture is shown. */
  get scale(): number {
    return this.#picture.width / Math.max(this.#size.width, 1);
  }

  get isLocked(): boolean {
    return document.pointerLockElement === this.#wiring.stage;
  }

  setActive(active: boolean): void {
    this.#active = active;
    if (!active) this.unlock();
    this.#updateHold();
  }

  setMode(mode: PointerMode): void {
    this.#mode = mode;
    if (!this.#wantsLock()) this.unlock();
    this.#updateHold();
  }

  /** Whether the app has hidden its cursor: for `both`, the sign that it wants movement and not a place. */
  setCursorHidden(hidden: boolean): void {
    this.#cursorHidden = hidden;
    if (this.#mode === 'both') {
      if (!hidden) this.unlock();
      else if (this.#relockAllowed && this.#wiring.isCaptured()) this.#lock();
    }
    this.#updateHold();
  }

  /** Whether fingers are told as such, or the first one is the mouse. */
  setTouch(touch: boolean): void {
    if (touch === (this.#fingers !== null)) return;
    this.releaseAll();
    this.#fingers = touch ? new Fingers(this.#wiring.input) : null;
  }

  setSize(size: Size): void {
    this.#size = size;
    this.#measure();
  }

  /** Gives the pointer back to the page. */
  unlock(): void {
    if (!this.isLocked) return;
    this.#unlockWanted = true;
    this.#relockAllowed = true;
    document.exitPointerLock();
  }

  /** Lets go of every button. */
  releaseAll(): void {
    this.#applyButtons(0);
    this.#swallowed = 0;
    this.#fingers?.forget();
    this.#touch = null;
    this.#touchAt = null;
    this.#lastPlace = null;
    this.#moves.reset();
    this.#wheel.reset();
  }

  close(): void {
    this.releaseAll();
    this.unlock();
    this.#scope.close();
  }

  #wantsLock(): boolean {
    return this.#mode === 'relative' || (this.#mode === 'both' && this.#cursorHidden);
  }

  #canLock(): boolean {
    return 'requestPointerLock' in this.#wiring.stage && this.#lockFailures < LOCK_FAILURES_MAX;
  }

  #down(event: PointerEvent): void {
    if (!this.#active) return;
    this.#wiring.onPress();
    if (event.pointerType === 'touch') {
      this.#touchDown(event);
      return;
    }
    if (!this.isLocked && this.#wantsLock() && this.#canLock()) {
      this.#swallowed |= event.buttons;
      this.#lock();
      return;
    }
    if (!this.isLocked) capturePointer(this.#wiring.stage, event.pointerId);
    // The app may have moved its pointer meanwhile: a press says where it is meant in any case.
    this.#lastPlace = null;
    this.#place(event);
    this.#syncButtons(event);
  }

  #up(event: PointerEvent): void {
    if (event.pointerType === 'touch') {
      this.#fingers?.handle(event, this.#placeOf(event));
      if (event.pointerId === this.#touch) {
        this.#touch = null;
        this.#touchAt = null;
        this.#applyButtons(0);
      }
      return;
    }
    this.#syncButtons(event);
  }

  #move(event: PointerEvent): void {
    if (!this.#wiring.isCaptured()) return;
    if (event.pointerType === 'touch') {
      this.#touchMove(event);
      return;
    }
    this.#syncButtons(event);
    if (this.isLocked || (this.#mode === 'relative' && !this.#canLock())) this.#moveBy(event);
    else this.#place(event);
  }

  /** The first touch is the left button at a point; further fingers are left alone. */
  #touchDown(event: PointerEvent): void {
    event.preventDefault();
    if (this.#fingers !== null && this.#wiring.isCaptured()) {
      capturePointer(this.#wiring.stage, event.pointerId);
      this.#fingers.handle(event, this.#placeOf(event));
      return;
    }
    if (this.#touch !== null || !this.#wiring.isCaptured()) return;
    this.#touch = event.pointerId;
    this.#touchAt = { x: event.clientX, y: event.clientY };
    capturePointer(this.#wiring.stage, event.pointerId);
    this.#place(event);
    this.#applyButtons(1);
  }

  #touchMove(event: PointerEvent): void {
    this.#fingers?.handle(event, this.#placeOf(event));
    if (event.pointerId !== this.#touch || this.#touchAt === null) return;
    if (this.#mode === 'relative') {
      this.#sendMovement(event.clientX - this.#touchAt.x, event.clientY - this.#touchAt.y);
    } else {
      this.#place(event);
    }
    this.#touchAt = { x: event.clientX, y: event.clientY };
  }

  #place(event: PointerEvent): void {
    if (this.isLocked || this.#mode === 'relative') return;
    const place = this.#placeOf(event);
    if (place.x === this.#lastPlace?.x && place.y === this.#lastPlace.y) return;
    this.#lastPlace = place;
    this.#wiring.input.moveTo(place.x, place.y);
  }

  #placeOf(event: PointerEvent): Point {
    return toPicture({ x: event.clientX, y: event.clientY }, this.#picture);
  }

  #moveBy(event: PointerEvent): void {
    const { x, y } = movement(event);
    if (x === 0 && y === 0) return;
    if (this.#skipMovement) {
      // The first movement after a lock is the jump to wherever the browser holds the pointer.
      this.#skipMovement = false;
      return;
    }
    this.#sendMovement(x, y);
  }

  #sendMovement(dx: number, dy: number): void {
    const perPixel = 1 / Math.max(this.scale, 0.01);
    const whole = this.#moves.add(dx * perPixel, dy * perPixel);
    if (whole.x === 0 && whole.y === 0) return;
    this.#lastPlace = null;
    this.#wiring.input.moveBy(whole.x, whole.y);
  }

  #roll(event: WheelEvent): void {
    if (!this.#active) return;
    event.preventDefault();
    if (!this.#wiring.isCaptured()) return;
    const steps = wheelSteps(event);
    const whole = this.#wheel.add(steps.x, steps.y);
    if (whole.x !== 0 || whole.y !== 0) this.#wiring.input.wheel(whole.x, whole.y);
  }

  #syncButtons(event: PointerEvent): void {
    if (event.pointerType === 'touch') return;
    this.#wiring.onEvent(event);
    this.#swallowed &= event.buttons;
    if (this.#wiring.isCaptured()) this.#applyButtons(event.buttons & ~this.#swallowed);
  }

  #applyButtons(mask: number): void {
    for (const { button, down } of buttonChanges(this.#buttons, mask)) this.#wiring.input.button(button, down);
    this.#buttons = mask;
  }

  #lock(): void {
    if (this.#locking || this.isLocked) return;
    this.#locking = true;
    void lockPointer(this.#wiring.stage).then((outcome) => {
      this.#locking = false;
      if (outcome === 'locked') this.#lockFailures = 0;
      else this.#lockFailures = outcome === 'never' ? LOCK_FAILURES_MAX : this.#lockFailures + 1;
      this.#updateHold();
    });
  }

  #lockChanged(): void {
    const locked = this.isLocked;
    if (locked) {
      this.#skipMovement = true;
      this.#relockAllowed = false;
      this.#moves.reset();
    } else if (this.#hold === 'locked') {
      this.releaseAll();
      if (!this.#unlockWanted) this.#wiring.onLockTaken();
    }
    this.#unlockWanted = false;
    this.#updateHold();
  }

  #updateHold(): void {
    const offered = this.#active && this.#wantsLock() && this.#canLock();
    const hold = this.isLocked ? 'locked' : offered ? 'offered' : 'free';
    if (hold === this.#hold) return;
    this.#hold = hold;
    this.#wiring.onHold(hold);
  }

  #measure(): void {
    this.#picture = pictureRect(this.#wiring.stage.getBoundingClientRect(), this.#size);
  }
}

/** Refusals in a row (a frame without permission, a browser that asks and is told no) before movement goes unlocked. */
const LOCK_FAILURES_MAX = 3;

/** Unaccelerated movement where the system has it, else the ordinary kind. */
async function lockPointer(stage: HTMLElement): Promise<'locked' | 'refused' | 'never'> {
  let outcome: 'refused' | 'never' = 'never';
  for (const options of [{ unadjustedMovement: true }, undefined]) {
    try {
      await stage.requestPointerLock(options);
      return 'locked';
    } catch (error) {
      // NotSupportedError: no unaccelerated movement here. Any other refusal may pass, such as the pause that browsers
      // insist on after Escape.
      outcome = error instanceof DOMException && error.name === 'NotSupportedError' ? 'never' : 'refused';
      if (outcome === 'refused') return outcome;
    }
  }
  return outcome;
}

/** The movement that an event stands for: the sum of those that were coalesced into it. */
function movement(event: PointerEvent): { x: number; y: number } {
  const parts = typeof event.getCoalescedEvents === 'function' ? event.getCoalescedEvents() : [];
  if (parts.length < 2) return { x: event.movementX, y: event.movementY };
  return parts.reduce((sum, part) => ({ x: sum.x + part.movementX, y: sum.y + part.movementY }), { x: 0, y: 0 });
}

function capturePointer(stage: HTMLElement, pointerId: number): void {
  try {
    stage.setPointerCapture(pointerId);
  } catch {
    // The pointer is gone already: its release has been seen, or the buttons of the next event tell.
  }
}
