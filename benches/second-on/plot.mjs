// The parts of a start as stacked bars.

/** In order; they sum to the whole. */
export const PARTS = [
  { key: 'placed_ms', label: 'placed', color: '#5b8def' },
  { key: 'connected_ms', label: 'connected', color: '#8c6ff0' },
  { key: 'first_frame_ms', label: 'first frame', color: '#e0a458' },
  { key: 'shown_ms', label: 'shown', color: '#57b894' },
];

/** One bar per case: the medians of its parts, a tick at the whole's p99, and a line where the bar is. */
export function stacked(cases, { bar }) {
  const row = 26, left = 230, width = 960, top = 76;
  const drawn = cases.filter(({ starts }) => starts > 0);
  const most = Math.max(1, ...drawn.flatMap((c) => [c.total_ms.p99, c.name === 'parked' ? bar(c) : 0]));
  const scale = (width - left - 90) / most;
  const parts = PARTS.map(({ label, color }, i) => `<rect x="${left + i * 120}" y="44" width="12" height="12" fill="${color}"/><text x="${left + i * 120 + 18}" y="54" class="l">${label}</text>`);
  drawn.forEach((c, i) => {
    const y = top + i * row;
    parts.push(`<text x="${left - 10}" y="${y + 16}" text-anchor="end" class="l">${c.name} · ${c.transport} · ${c.rtt_ms} ms</text>`);
    let x = left;
    for (const { key, color } of PARTS) {
      const span = (c[key].p50 ?? 0) * scale;
      parts.push(`<rect x="${x}" y="${y + 4}" width="${span}" height="${row - 9}" fill="${color}"/>`);
      x += span;
    }
    const p99 = left + c.total_ms.p99 * scale;
    parts.push(`<line x1="${p99}" x2="${p99}" y1="${y + 4}" y2="${y + row - 5}" stroke="#d7deea" stroke-width="2"/>`,
      `<text x="${p99 + 7}" y="${y + 16}" class="v">${Math.round(c.total_ms.p50)} / ${Math.round(c.total_ms.p99)}</text>`);
    if (c.name === 'parked') {
      const at = left + bar(c) * scale;
      parts.push(`<line x1="${at}" x2="${at}" y1="${y + 1}" y2="${y + row - 2}" stroke="#e06c75" stroke-dasharray="3 2"/>`);
    }
  });
  const height = top + drawn.length * row + 20;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">
<style>text{font:13px system-ui,sans-serif;fill:#d7deea}.t{font-size:17px;font-weight:600}.l{fill:#9aa7bd}</style>
<rect width="100%" height="100%" fill="#10141c"/><text x="16" y="28" class="t">Click to first picture shown, ms</text>
<text x="${width - 16}" y="28" text-anchor="end" class="l">parts: medians; white: p99; red: the bar for p50</text>
${parts.join('\n')}
</svg>\n`;
}
