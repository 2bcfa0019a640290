import { defineConfig } from 'vitest/config';

export default defineConfig({
  base: '/',
  build: {
    target: 'es2022',
    assetsDir: 'assets',
    // Everything is a file of its own: a strict Content-Security-Policy refuses scripts and worklets from data: URLs.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
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
