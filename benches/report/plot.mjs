// Bars in an SVG that needs nothing to be looked at.

/**
 * Grouped horizontal bars: `groups` is `[{ name, bars: [{ label, p50, p95, color }] }]`; the solid part ends at p50, the faint one at p95.
 */
export function barPlot({ title, unit, groups }) {
  const rowHeight = 22, gap = 18, left = 190, width = 900, top = 56;
  const most = Math.max(1, ...groups.flatMap(({ bars }) => bars.map(({ p95, p50 }) => p95 ?? p50 ?? 0)));
  const scale = (width - left - 120) / most;
  let y = top;
  const parts = [];
  for (const { name, bars } of groups) {
    parts.push(`<text x="16" y="${y + 15}" class="g">${escape(name)}</text>`);
    for (const { label, p50, p95, color } of bars) {
      parts.push(`<text x="${left - 8}" y="${y + 15}" text-anchor="end" class="l">${escape(label)}</text>`,
        `<rect x="${left}" y="${y + 3}" width="${(p95 ?? 0) * scale}" height="${rowHeight - 6}" fill="${color}" opacity="0.35"/>`,
        `<rect x="${left}" y="${y + 3}" width="${(p50 ?? 0) * scale}" height="${rowHeight - 6}" fill="${color}"/>`,
        `<text x="${left + (p95 ?? p50 ?? 0) * scale + 6}" y="${y + 15}" class="v">${p50 ?? '-'} / ${p95 ?? '-'} ${unit}</text>`);
      y += rowHeight;
    }
    y += gap;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${y + 20}" viewBox="0 0 ${width} ${y + 20}">
<style>text{font:13px system-ui,sans-serif;fill:#d7deea}.t{font-size:17px;font-weight:600}.g{font-weight:600}.l{fill:#9aa7bd}.v{fill:#d7deea}</style>
<rect width="100%" height="100%" fill="#10141c"/><text x="16" y="30" class="t">${escape(title)}</text><text x="${width - 16}" y="30" text-anchor="end" class="l">solid: p50, faint: p95</text>
${parts.join('\n')}
</svg>\n`;
}

const escape = (text) => String(text).replace(/[&<>]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[c]);
