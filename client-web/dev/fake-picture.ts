/** A picture that moves, 1280 by 720. */
export function paint(canvas: HTMLCanvasElement): void {
  canvas.width = 1280;
  canvas.height = 720;
  const context = canvas.getContext('2d');
  if (context === null) return;
  const draw = (millis: number): void => {
    const sky = context.createLinearGradient(0, 0, 0, 720);
    sky.addColorStop(0, '#141a33');
    sky.addColorStop(0.55, '#7a4a5c');
    sky.addColorStop(0.7, '#f0a060');
    sky.addColorStop(0.7, '#20222c');
    sky.addColorStop(1, '#0c0d12');
    context.fillStyle = sky;
    context.fillRect(0, 0, 1280, 720);
    context.fillStyle = '#ffe2b0';
    context.beginPath();
    context.arc(640 + Math.sin(millis / 2000) * 380, 420, 60, 0, Math.PI * 2);
    context.fill();
    context.fillStyle = '#14151c';
    for (let x = 0; x < 1400; x += 90) {
      const height = 60 + ((x * 7919) % 150);
      context.fillRect(((x + millis / 40) % 1400) - 100, 504 - height, 72, height);
    }
    if (canvas.isConnected) requestAnimationFrame(draw);
  };
  requestAnimationFrame(draw);
}
