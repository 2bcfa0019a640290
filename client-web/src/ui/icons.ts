/** Line icons on a 24 by 24 grid; they take the colour of the text beside them and are hidden from screen readers. */
import { svg } from './dom';

const PATHS = {
  play: ['M8 5.500v13l11-6.500z'],
  back: ['M15 5l-7 7 7 7'],
  fullscreen: ['M4 9V4h5', 'M20 9V4h-5', 'M4 15v5h5', 'M20 15v5h-5'],
  window: ['M9 4v5H4', 'M15 4v5h5', 'M9 20v-5H4', 'M15 20v-5h5'],
  sound: ['M4 9.500v5h3.500L12 18.500v-13L7.500 9.500z', 'M15.500 9a4.200 4.200 0 0 1 0 6', 'M18 6.500a7.800 7.800 0 0 1 0 11'],
  muted: ['M4 9.500v5h3.500L12 18.500v-13L7.500 9.500z', 'M16 9.500l5 5', 'M21 9.500l-5 5'],
  stats: ['M4 20V11', 'M9.300 20V4', 'M14.700 20v-7', 'M20 20V8'],
  copy: ['M9 9h10v11H9z', 'M15 9V4H5v11h4'],
  paste: ['M8 5H5v15h14V5h-3', 'M8.500 3.500h7v4h-7z'],
  leave: ['M14 4H6v16h8', 'M11 12h10', 'M17.500 8.500L21 12l-3.500 3.500'],
  stop: ['M7 7h10v10H7z'],
  again: ['M19.500 12a7.500 7.500 0 1 1-2.300-5.400', 'M19.500 3.500v4h-4'],
  mouse: ['M12 3.500a5.500 5.500 0 0 1 5.500 5.500v6a5.500 5.500 0 0 1-11 0V9A5.500 5.500 0 0 1 12 3.500z', 'M12 7v3'],
  keyboard: ['M3.500 7h17v10h-17z', 'M7 10.500h.01M10.300 10.500h.01M13.700 10.500h.01M17 10.500h.01M8.500 13.700h7'],
  alert: ['M12 4l9 15.500H3z', 'M12 10v4.500', 'M12 17v.01'],
  done: ['M5 12.500l4.500 4.500L19 7.500'],
  elsewhere: ['M4 6h11v9H4z', 'M9 15v3.500h11V9.500h-5'],
  offline: ['M4 4l16 16', 'M5 11.500a10 10 0 0 1 4-2.600', 'M19 11.500a10 10 0 0 0-6-2.900', 'M8.500 15a5 5 0 0 1 7 0', 'M12 18.800v.01'],
  moon: ['M19 14.500A7.500 7.500 0 1 1 9.500 5a6 6 0 0 0 9.500 9.500z'],
} as const;

export type IconName = keyof typeof PATHS;

export function icon(name: IconName, size = 20): SVGSVGElement {
  return svg(
    'svg',
    { viewBox: '0 0 24 24', width: size, height: size, class: `icon icon-${name}`, 'aria-hidden': 'true' },
    ...PATHS[name].map((d) => svg('path', { d })),
  );
}
