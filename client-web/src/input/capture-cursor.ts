/** The app's cursor as the page's: drawn by the browser, so that it moves with the hand and not with the stream. */
import type { CursorImage } from '../player';
import { cursorScale } from './capture-rules';

/** A CSS `cursor` value; `default` where the image is unusable. */
export function cursorStyle(cursor: CursorImage | null, pictureScale: number): string {
  if (cursor === null) return 'none';
  const { width, height, rgba } = cursor;
  if (width < 1 || height < 1 || rgba.length < width * height * 4) return 'default';
  const scale = cursorScale(pictureScale, cursor);
  const url = draw(cursor, scale);
  if (url === null) return 'default';
  const hotX = Math.min(Math.round(cursor.hotX * scale), Math.round(width * scale) - 1);
  const hotY = Math.min(Math.round(cursor.hotY * scale), Math.round(height * scale) - 1);
  return `url("${url}") ${Math.max(hotX, 0)} ${Math.max(hotY, 0)}, default`;
}

function draw({ width, height, rgba }: CursorImage, scale: number): string | null {
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext('2d');
  if (context === null) return null;
  const pixels = context.createImageData(width, height);
  pixels.data.set(rgba.subarray(0, width * height * 4));
  context.putImageData(pixels, 0, 0);
  if (scale === 1) return canvas.toDataURL();
  const scaled = document.createElement('canvas');
  scaled.width = Math.max(1, Math.round(width * scale));
  scaled.height = Math.max(1, Math.round(height * scale));
  const target = scaled.getContext('2d');
  if (target === null) return null;
  target.drawImage(canvas, 0, 0, scaled.width, scaled.height);
  return scaled.toDataURL();
}
