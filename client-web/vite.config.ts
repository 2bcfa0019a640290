import { defineConfig } from 'vitest/config';

/** Vite's own helper preloads what a chunk that is loaded on demand needs beside it: here, nothing. */
const plainImports = {
  name: 'plain-imports',
  enforce: 'pre' as const,
  load: (id: string) => (id.includes('vite/preload-helper') ? 'export const __vitePreload = (load) => load();' : null),
};

/** Pages that are documents and builds of their own (`--mode ops`): nobody loads a byte of them in order to play. */
const APART = ['ops', 'report', 'saves'];

export default defineConfig(({ mode }) => {
  const page = APART.includes(mode) ? mode : null;
  return {
    base: '/',
    plugins: [plainImports],
    build: {
      emptyOutDir: page === null,
      target: 'es2022',
      assetsDir: 'assets',
      // Everything is a file of its own: a strict Content-Security-Policy refuses scripts and worklets from data: URLs.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      rollupOptions: page
        ? {
            input: `${page}.html`,
            output: { entryFileNames: `assets/${page}-[hash].js`, assetFileNames: `assets/${page}-[hash][extname]` },
          }
        : {
            // What only some players need, and nobody before the first picture, has a name of its own: scripts/check-size.mjs counts it apart.
            output: { chunkFileNames: ({ isDynamicEntry }) => `assets/${isDynamicEntry ? 'later-' : ''}[name]-[hash].js` },
          },
      sourcemap: false,
      reportCompressedSize: false,
    },
    worker: { format: 'es' as const },
    server: {
      // `npm run dev` against an engine of this machine; /dev/ needs none.
      proxy: { '/v1': 'http://localhost:8080' },
    },
    test: {
      include: ['src/**/*.test.ts', 'tests/**/*.test.ts', 'dev/**/*.test.ts'],
      // Tests of pages ask for a document with `// @vitest-environment jsdom`.
      environment: 'node' as const,
      restoreMocks: true,
      // Some go through a hundred simulated networks: how long that takes is the machine's affair.
      testTimeout: 120_000,
    },
  };
});
