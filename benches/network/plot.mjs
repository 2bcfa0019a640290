// Two strips a case: what arrives, and how old the newest picture is.

const [WIDTH, LEFT, HEIGHT, GAP] = [1000, 70, 64, 14];
const AGE_MOST_MS = 1_000;
const POINTS_MAX = 2_000;

export function strips(cases) {
  let y = 50;
  const parts = [];
  for (const { name, transport, series } of cases) {
    const from = series.shown[0]?.at ?? 0;
    const span = Math.max((series.shown.at(-1)?.at ?? 0) - from, 1);
    const x = (at) => LEFT + ((at - from) / span) * (WIDTH - LEFT - 16);
    const rates = series.rate.slice(10).map(({ at, bytes }, i) => ({ at, value: (8 * (bytes - series.rate[i].bytes)) / (at - series.rate[i].at) / 1000 }));
    const ages = series.shown.slice(1).map(({ at }, i) => ({ at, value: Math.min(at - series.shown[i].drawn, AGE_MOST_MS) }));
    parts.push(`<text x="16" y="${y + 14}" class="g">${name} over ${transport}, ${Math.round(span / 1000)} s</text>`);
    y += 22;
    for (const [label, points, most, unit, color] of [
      ['rate', rates, Math.max(1, ...rates.map(({ value }) => value)), 'Mbit/s', '#5aa9ff'], ['age', ages, AGE_MOST_MS, 'ms', '#ffb454']]) {
      parts.push(`<text x="${LEFT - 8}" y="${y + 12}" text-anchor="end" class="l">${Math.round(most * 10) / 10}</text>`,
        `<text x="${LEFT - 8}" y="${y + 30}" text-anchor="end" class="l">${unit}</text><text x="${LEFT - 8}" y="${y + HEIGHT}" text-anchor="end" class="l">${label}</text>`,
        `<rect x="${LEFT}" y="${y}" width="${WIDTH - LEFT - 16}" height="${HEIGHT}" fill="#171d29"/>`,
        ...series.events.map((at) => `<line x1="${x(at)}" x2="${x(at)}" y1="${y}" y2="${y + HEIGHT}" stroke="#ff6b6b" stroke-dasharray="3 3"/>`),
        `<polyline fill="none" stroke="${color}" stroke-width="1.2" points="${peaks(points).map(({ at, value }) => `${x(at).toFixed(1)},${(y + HEIGHT * (1 - value / most)).toFixed(1)}`).join(' ')}"/>`);
      y += HEIGHT + 6;
    }
    y += GAP;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y}" viewBox="0 0 ${WIDTH} ${y}">
<style>text{font:13px system-ui,sans-serif;fill:#d7deea}.t{font-size:17px;font-weight:600}.g{font-weight:600}.l{fill:#9aa7bd;font-size:11px}</style>
<rect width="100%" height="100%" fill="#10141c"/><text x="16" y="30" class="t">What arrives, and the age of the newest picture just before the next</text>
${parts.join('\n')}
</svg>\n`;
}

/** So few points that a file stays small; of each group the highest is kept. */
function peaks(points) {
  const each = Math.ceil(points.length / POINTS_MAX);
  const out = [];
  for (let i = 0; i < points.length; i += each) out.push(points.slice(i, i + each).reduce((a, b) => (b.value > a.value ? b : a)));
  return out;
}
