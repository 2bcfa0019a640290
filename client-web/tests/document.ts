/** What jsdom lacks of a browser, for tests of pages. */
import { vi } from 'vitest';

export type FakeDocument = {
  /** The window loses or gets the focus. */
  focus(on: boolean): void;
  show(visible: boolean): void;
  /** The browser gives or takes the pointer lock. */
  lock(element: Element | null): void;
};

export function fakeDocument(): FakeDocument {
  const state = { focused: true, visible: true, locked: null as Element | null };
  vi.stubGlobal(
    'ResizeObserver',
    class {
      observe(): void {}
      unobserve(): void {}
      disconnect(): void {}
    },
  );
  vi.stubGlobal('matchMedia', (query: string) => ({ matches: query.includes('fine'), media: query }));
  vi.spyOn(document, 'hasFocus').mockImplementation(() => state.focused);
  define('visibilityState', () => (state.visible ? 'visible' : 'hidden'));
  define('pointerLockElement', () => state.locked);
  define('fullscreenEnabled', () => true);
  define('fullscreenElement', () => null);
  vi.spyOn(HTMLCanvasElement.prototype, 'getContext').mockReturnValue(null);
  const lock = (element: Element | null): void => {
    state.locked = element;
    document.dispatchEvent(new Event('pointerlockchange'));
  };
  Object.assign(document, { exitPointerLock: () => lock(null) });
  HTMLElement.prototype.requestPointerLock = async function (this: HTMLElement): Promise<void> {
    await Promise.resolve();
    lock(this);
  };
  return {
    focus(on) {
      state.focused = on;
      window.dispatchEvent(new Event(on ? 'focus' : 'blur'));
    },
    show(visible) {
      state.visible = visible;
      document.dispatchEvent(new Event('visibilitychange'));
    },
    lock,
  };
}

function define(name: string, get: () => unknown): void {
  Object.defineProperty(document, name, { configurable: true, get });
}

/** Lets promises that are on their way arrive. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 12; turn += 1) await Promise.resolve();
}
