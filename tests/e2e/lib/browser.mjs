// Headless Chromium with QUIC, as docs/OPERATIONS.md describes it.
import { chromium } from 'playwright-core';
import { existsSync } from 'node:fs';
import { until } from './engine.mjs';

const CANDIDATES = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Where Chromium is. */
export function chromiumPath() {
  const path = CANDIDATES.find((path) => path && existsSync(path));
  if (!path) throw new Error('no Chromium found: apt-get install chromium, or set CHROMIUM=/path/to/it');
  return path;
}

/** What Chromium is started with, everywhere. */
export const CHROMIUM_ARGS = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update',
  '--disable-sync', '--no-first-run', '--autoplay-policy=no-user-gesture-required'];

/** Starts a browser; the caller closes it. */
export async function openBrowser({ args = [], executablePath = chromiumPath() } = {}) {
  // Playwright's own headless mode mutes the sound; the new one does not.
  return chromium.launch({ executablePath, headless: false, args: [...CHROMIUM_ARGS, ...args] });
}

/** Opens a player page of a title in a context of its own and waits until it plays. */
export async function play(browser, engine, title, { context, query = '?autostart=1', relay } = {}) {
  const own = context ?? (await browser.newContext({ viewport: { width: 1280, height: 720 } }));
  const page = await own.newPage();
  page.consoleLines = [];
  page.on('console', (message) => page.consoleLines.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => page.consoleLines.push(`pageerror: ${error.message}`));
  if (relay) await relay.serve(page);
  await page.goto(`${engine.url}play/${title}${query}`);
  await untilState(page, 'playing');
  return page;
}

/** Waits for a state of the player; says which state it was in where it does not come. */
export async function untilState(page, state, timeout = 30_000) {
  try {
    await page.waitForFunction((wanted) => globalThis.firstlight?.state === wanted, state, { timeout, polling: 50 });
  } catch (cause) {
    const seen = await page.evaluate(() => ({ state: globalThis.firstlight?.state, text: document.body.innerText.slice(0, 600) }));
    throw new Error(`waited for state "${state}": it is "${seen.state}"; the page says: ${seen.text}\n${(page.consoleLines ?? []).slice(-20).join('\n')}`, { cause });
  }
}

/** Waits until a predicate over the player's statistics holds, and returns them. It is asked here: the page's policy forbids code from texts. */
export async function untilStats(page, predicate, what, timeout = 30_000) {
  const read = () => page.evaluate(() => globalThis.firstlight?.stats());
  let last;
  try {
    return await until(async () => ((last = await read()) && predicate(last) ? last : null), what, timeout);
  } catch (cause) {
    throw new Error(`waited for ${what}; the statistics are ${JSON.stringify(last)}`, { cause });
  }
}

/** A small fingerprint of the picture shown: mean luma of a grid of blocks, read from the page's own video or canvas. */
export function fingerprint(page, { columns = 32, rows = 18 } = {}) {
  return page.evaluate(({ columns, rows }) => {
    const source = [...document.querySelectorAll('video, canvas')].find((e) => (e.videoWidth ?? e.width) > 0 && e.offsetWidth > 0);
    if (!source) return null;
    const canvas = new OffscreenCanvas(columns, rows);
    const context = canvas.getContext('2d', { willReadFrequently: true });
    context.drawImage(source, 0, 0, columns, rows);
    const { data } = context.getImageData(0, 0, columns, rows);
    return Array.from({ length: columns * rows }, (_, i) => 0.299 * data[4 * i] + 0.587 * data[4 * i + 1] + 0.114 * data[4 * i + 2]);
  }, { columns, rows });
}

/** Mean absolute difference of two fingerprints, 0 to 255. */
export function difference(a, b) {
  return a.reduce((sum, value, i) => sum + Math.abs(value - b[i]), 0) / a.length;
}
