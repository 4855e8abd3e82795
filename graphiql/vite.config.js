import { defineConfig } from 'vite';
import { licenses } from './licenses.js';

// One collector for the page and for the workers, which Vite bundles apart.
const { collect, emit } = licenses({
  // Fonts are named by CSS alone, so no module of these packages is in the graph.
  also: ['@fontsource/roboto', '@fontsource/fira-code'],
});

export default defineConfig({
  base: '/graphiql/',
  plugins: [collect(), emit()],
  worker: { format: 'es', plugins: () => [collect()] },
  build: {
    outDir: 'dist',
    target: 'es2023',
    // The content security policy has no `data:` for fonts and scripts, and no inline script.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    chunkSizeWarningLimit: 8192,
    reportCompressedSize: false,
    rolldownOptions: {
      // "use client" in libraries is for server rendering, which this page has none of.
      onwarn: (warning, report) => warning.code === 'MODULE_LEVEL_DIRECTIVE' || report(warning),
    },
  },
});
