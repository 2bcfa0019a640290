// Key presses that a bench counts the answers to.

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** From one press to the next, ms: no multiple of a frame, and answered before the next. */
const PAUSE_MS = [240, 480];

/**
 * Presses a key now and then for a number of seconds. It begins with a pause: a picture must have been seen before the first press, else
 * that press is taken for unanswered, and each answer for that of the press before.
 */
export async function press(page, seconds) {
  const until = Date.now() + seconds * 1000;
  for (;;) {
    await wait(PAUSE_MS[0] + Math.random() * (PAUSE_MS[1] - PAUSE_MS[0]));
    if (Date.now() >= until) return;
    await page.keyboard.press('KeyX', { delay: 40 });
  }
}
