// Phase lock: the page tells of its screen, and the display's frame clock goes with it, where the title goes by that.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { Engine, titlesFolder, until } from '../lib/engine.mjs';
import { openBrowser, play, untilStats } from '../lib/browser.mjs';

const beacon = ({ display, clock, lock = true }) => ({
  from: 'beacon',
  edit: (toml) => toml.replace(/^\[display\]$/m, `[display]\nkind = "${display}"\nphase_lock = ${lock}`)
    .replace(/^env = .*$/m, `env = { BEACON_CLOCK = "${clock}", BEACON_MOTION = "low" }`),
});

let engine, browser, titles;
before(async () => {
  titles = titlesFolder({
    heeds: beacon({ display: 'wayland', clock: 'display' }),
    ignores: beacon({ display: 'wayland', clock: 'own' }),
    unasked: beacon({ display: 'wayland', clock: 'display', lock: false }),
    x11: beacon({ display: 'x11', clock: 'own' }),
  });
  engine = await Engine.start({ titles });
  browser = await openBrowser();
});
after(async () => { await browser?.close(); await engine?.stop(); rmSync(titles, { recursive: true, force: true }); });

/** A busy machine's pictures may come too unsteadily for a while: it is tried again every 20 s. */
const PATIENCE_MS = 120_000;

test('a title that heeds its display is drawn for the screen of the page, and is let go with it', async () => {
  const page = await play(browser, engine, 'heeds');
  const taken = ({ frame_clock: { state } }) => ['turning', 'locked'].includes(state);
  const stats = await untilStats(page, taken, 'the lock to be taken', PATIENCE_MS);
  const { refresh_hz, wait_ms } = stats.frame_clock;
  assert.ok(refresh_hz > 50 && refresh_hz < 70, `the headless screen has 60 Hz, and the page says ${refresh_hz}`);
  assert.ok(wait_ms.n > 0 && wait_ms.p50 < 1000 / refresh_hz, JSON.stringify(wait_ms));

  const { session } = (await engine.operator('/v1/sessions')).sessions.find(({ title }) => title === 'heeds');
  // A lock that the machine's noise undoes comes again.
  await until(async () => {
    const { stats } = await engine.operator(`/v1/sessions/${session}`);
    return stats?.refresh_wait_us > 0 && ['turning', 'locked'].includes(stats.pacing);
  }, 'a second with a wait and a lock', PATIENCE_MS);
  await until(async () => {
    const metrics = await engine.operator('/metrics');
    return /^stream_frame_clock_seconds_total\{pacing="(turning|locked)"\} [1-9]/m.test(metrics) && /^stream_refresh_wait_seconds_count [1-9]/m.test(metrics);
  }, 'the metrics to show it', PATIENCE_MS);

  await page.evaluate(() => firstlight.leave());
  await page.context().close();
});

for (const [title, display, state] of [
  ['ignores', 'a title that draws by a clock of its own', 'own'],
  ['unasked', 'a title that is not to be steered', 'off'],
  ['x11', 'a display without a frame clock', 'off'],
]) {
  test(`${display} is left alone, and the page says so`, async () => {
    const page = await play(browser, engine, title);
    // The page measures all the same.
    await untilStats(page, ({ frame_clock: c, encoder }) => c.refresh_hz > 0 && c.wait_ms.n > 60 && encoder !== '' && c.state === state, `the state "${state}"`, PATIENCE_MS);
    await page.context().close();
  });
}
