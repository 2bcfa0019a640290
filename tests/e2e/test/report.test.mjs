// How a session was, told after its end: a real session is played, and its report opened by its player, by link and by others.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { Engine, titlesFolder, until } from '../lib/engine.mjs';
import { openBrowser, play, untilState, untilStats } from '../lib/browser.mjs';

const STAGES = ['input', 'inject', 'app', 'capture', 'convert', 'encode', 'packetize', 'pace', 'network', 'reassemble', 'decode', 'present', 'unattributed'];
/** Of a session that is long enough to say something. */
const SECONDS = 6;
const OTHER = `flp_${'B'.repeat(43)}`;

let engine, browser, titles, context, session, link;
before(async () => {
  titles = titlesFolder({ beacon: { from: 'beacon' } });
  engine = await Engine.start({ titles });
  browser = await openBrowser();
  context = await browser.newContext({ viewport: { width: 1280, height: 720 } });
});
after(async () => {
  await browser?.close();
  await engine?.stop();
  if (titles) rmSync(titles, { recursive: true, force: true });
});

const ask = (path, key) => fetch(new URL(path, engine.url), { headers: key ? { authorization: `Bearer ${key}` } : {} });
const sum = (list) => list.reduce((a, b) => a + b, 0);

/** A page of a report, once it says something. */
async function open(of, address) {
  const page = await of.newPage();
  await page.goto(new URL(address, engine.url).href);
  await page.locator('[data-score], [data-problem]').waitFor();
  return page;
}

test('a session that was played is judged, and its stages sum to the whole', async () => {
  const page = await play(browser, engine, 'beacon', { context });
  session = await page.evaluate(() => globalThis.firstlight.session);
  await page.locator('[data-part="stage"]').click();
  const stats = await untilStats(page, (s) => {
    void page.keyboard.press('KeyA', { delay: 30 }).catch(() => {});
    return s.frames.presented > 60 * SECONDS && s.click_to_photon_ms.n > 3;
  }, `${SECONDS} seconds of pictures and some answers`, 90_000);
  const path = `/v1/sessions/${session}/report`;
  const live = await until(async () => {
    const report = await (await ask(path, engine.operatorKey)).json();
    return report.scores?.seconds >= SECONDS - 2 && report.start ? report : null;
  }, 'the host to know of the seconds');
  assert.equal(live.ended, null);

  const played = await page.evaluate(() => ({ key: localStorage.getItem('firstlight.player') }));
  await page.evaluate(() => globalThis.firstlight.end());
  await untilState(page, 'ended');
  const report = await (await ask(path, played.key)).json();
  link = report.link;
  assert.deepEqual([report.session, report.title, report.class, report.ended.reason], [session, 'beacon', 'competitive', 'by_player']);
  const { scores, timeline, click_to_photon: click, glass_to_glass: glass, start } = report;
  assert.ok(scores.whole > 0 && scores.whole <= 10_000 && scores.seconds >= live.scores.seconds, JSON.stringify(scores));
  assert.equal(scores.exit, 10_000, 'the player ended it');
  assert.ok(scores.words.length > 10);

  // The parts of each second are its whole: what the page measured itself, and told in its own statistics.
  assert.equal(click.stages_us.length, STAGES.length);
  assert.ok(click.pictures > 3 && glass.pictures > 60, JSON.stringify({ click, glass }));
  assert.deepEqual(glass.stages_us.slice(0, 3), [0, 0, 0]);
  const owned = click.stages_us.slice(0, -1);
  assert.ok(owned.every((us) => us >= 0) && owned.filter((us) => us > 0).length >= 8, JSON.stringify(click.stages_us));
  // The page's own statistics are of its last seconds: of the same size, whatever a busy machine does to some of them.
  const told = sum(click.stages_us) / 1000;
  assert.ok(told > 0.05 * stats.click_to_photon_ms.mean && told < 20 * stats.click_to_photon_ms.mean, `${told} and ${stats.click_to_photon_ms.mean} ms`);
  assert.ok(click.stage_error_us > 0 && click.error_us > 0);
  assert.equal(start.placed_us + start.connected_us + start.thawed_us + start.first_frame_us + start.shown_us, start.total_us);

  assert.equal(timeline.step_s, 1);
  for (const [column, values] of Object.entries(timeline)) {
    if (column !== 'step_s') assert.equal(values.length, timeline.at_s.length, column);
  }
  assert.equal(sum(timeline.shown), report.frames.shown);
  assert.ok(report.frames.shown <= report.frames.expected + timeline.at_s.length * 2, JSON.stringify(report.frames));
  const whats = report.events.map((event) => event.what);
  assert.deepEqual([whats[0], whats.includes('started'), whats.at(-1)], ['attached', true, 'ended']);

  const metrics = await engine.operator('/metrics');
  assert.match(metrics, /host_session_score_count\{class="competitive"\} 1/);
  assert.match(metrics, /stream_click_to_photon_seconds_count [1-9]/);

  // The player is shown where to look.
  const shown = page.locator('[data-part="report"]');
  assert.equal(await shown.getAttribute('href'), `/report/${session}`);
  await page.close();
});

test('its player opens the page without a link, and it shows the score and stages that sum', async () => {
  const page = await open(context, `/report/${session}`);
  const score = Number(await page.locator('.report-score').getAttribute('data-score'));
  assert.ok(score > 0 && score <= 10_000);
  const delay = page.locator('[data-part="delay"]');
  const total = Number(await delay.getAttribute('data-total-us'));
  const rows = await delay.locator('li').evaluateAll((items) => items.map((item) => [item.dataset.stage, Number(item.dataset.us)]));
  assert.equal(sum(rows.map(([, us]) => us)), total);
  assert.ok(rows.every(([stage]) => STAGES.includes(stage)));
  assert.equal(await page.locator('.report-plot svg path').count() > 10, true);
  const trace = page.waitForEvent('download');
  await page.locator('[data-part="trace"]').click();
  assert.equal((await trace).suggestedFilename(), `${session}.trace.json`);
  await page.close();
});

test('another player sees nothing without the link, and all with it', async () => {
  const path = `/v1/sessions/${session}/report`;
  const refused = await ask(path, OTHER);
  assert.equal(refused.status, 404);
  assert.equal(refused.headers.get('content-type'), 'application/problem+json');
  assert.equal((await refused.json()).type, 'urn:firstlight:problem:unknown-session');
  assert.equal((await ask(path)).status, 401);
  assert.equal((await ask(path, `flr_${'a'.repeat(32)}`)).status, 404);

  const stranger = await browser.newContext();
  const blind = await open(stranger, `/report/${session}`);
  assert.match(await blind.locator('[data-problem="unknown-session"]').innerText(), /No report here/);
  const seeing = await open(stranger, link);
  assert.ok(Number(await seeing.locator('.report-score').getAttribute('data-score')) > 0);
  await stranger.close();
});

test('a session that never was has no report, and a clear word for it', async () => {
  for (const id of ['nosuchsession', 'No-Such']) {
    for (const what of ['report', 'trace']) {
      const answer = await ask(`/v1/sessions/${id}/${what}`, engine.operatorKey);
      assert.equal(answer.status, 404);
      assert.match((await answer.json()).detail, /There is no report/);
    }
  }
});

test('the trace is what Perfetto opens', async () => {
  const key = new URL(link, engine.url).hash.slice(1);
  const trace = await (await ask(`/v1/sessions/${session}/trace`, key)).json();
  const slices = trace.traceEvents.filter((event) => event.ph === 'X');
  assert.ok(slices.length > 10 && slices.every(({ ts, dur, name }) => Number.isFinite(ts) && dur >= 0 && name.length > 0));
  assert.ok(trace.traceEvents.some(({ ph, name }) => ph === 'C' && name === 'score'));
});

test('it outlives the engine that it ran on', async () => {
  const { data, operatorKey } = engine;
  engine.ownsData = false;
  await engine.stop();
  engine = await Engine.start({ titles, data });
  try {
    assert.equal(engine.operatorKey, operatorKey);
    const report = await ask(`/v1/sessions/${session}/report`, operatorKey);
    assert.equal(report.status, 200);
    assert.equal((await report.json()).session, session);
    const stranger = await browser.newContext();
    const page = await open(stranger, link);
    assert.ok(Number(await page.locator('.report-score').getAttribute('data-score')) > 0);
    await stranger.close();
  } finally {
    engine.ownsData = true;
  }
});
