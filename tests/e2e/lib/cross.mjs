// The beacon's cross: where the app has the pointer, seen in the picture.
import { until } from './engine.mjs';

/**
 * Whether the beacon's cross is where the pointer goes, and is hit there; `shown` is the box of a picture of `drawn` pixels.
 * It is green, and red while a button is down, which is much darker.
 * What is drawn behind it moves and says nothing.
 */
export async function assertHits(page, shown, drawn, when, least = 15) {
  const scale = Math.min(shown.width / drawn.width, shown.height / drawn.height);
  const edge = { x: shown.x + (shown.width - drawn.width * scale) / 2, y: shown.y + (shown.height - drawn.height * scale) / 2 };
  for (const { x, y } of [{ x: 400, y: 400 }, { x: drawn.width - 400, y: drawn.height - 200 }]) {
    await page.mouse.move(edge.x + x * scale, edge.y + y * scale);
    let seen;
    await until(async () => {
      const green = await median(page, { x, y });
      await page.mouse.down();
      const red = await median(page, { x, y });
      await page.mouse.up();
      seen = `luma ${green}, ${red} with the button down`;
      // At three eighths an arm is less than a sample wide.
      return green - red > least;
    }, `the cross to be hit at ${x},${y}, ${when}`).catch((error) => { throw new Error(`${error.message}: ${seen}`); });
  }
}

/** The median over pictures of the mean luma of four by four pixels. */
function median(page, { x, y }) {
  return page.evaluate(({ x, y }) => new Promise((resolve) => {
    const means = [];
    let skip = 20;
    const stop = firstlight.observe({ x: x - 2, y: y - 2, width: 4, height: 4 }, ({ luma }) => {
      if (skip-- > 0) return;
      means.push(luma.reduce((sum, value) => sum + value, 0) / luma.length);
      if (means.length < 15) return;
      stop();
      resolve(means.sort((a, b) => a - b)[7]);
    });
  }), { x, y });
}
