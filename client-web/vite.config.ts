import { defineConfig } from 'vitest/config';

/** Vite's own helper preloads what a chunk that is loaded on demand needs beside it: here, nothing. */
const plainImports = {
  name: 'plain-imports',
  enforce: 'pre' as const,
  load: (id: string) => (id.includes('vite/preload-helper') ? 'export const __vitePreload = (load) => load();' : null),
};

export default defineConfig({
  base: '/',
  plugins: [plainImports],
  build: {
    target: 'es2022',
    assetsDir: 'assets',
    // Everything is a file of its own: a strict Content-Security-Policy refuses scripts and worklets from data: URLs.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // What only some players need, and nobody before the first picture, has a name of its own: scripts/check-size.mjs counts it apart.
    rollupOptions: {
      output: { chunkFileNames: ({ isDynamicEntry }) => `assets/${isDynamicEntry ? 'later-' : ''}[name]-[hash].js` },
    },
    sourcemap: false,
    reportCompressedSize: false,
  },
  worker: { format: 'es' },
  server: {
    // `npm run dev` against an engine of this machine; /dev/ needs none.
    proxy: { '/v1': 'http://localhost:8080' },
  },
  test: {
    include: ['src/**/*.test.ts', 'tests/**/*.test.ts', 'dev/**/*.test.ts'],
    // Tests of pages ask for a document with `// @vitest-environment jsdom`.
    environment: 'node',
    restoreMocks: true,
  },
});
