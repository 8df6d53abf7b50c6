import { defineConfig } from 'vitest/config'

/**
 * Three suites: `npm test` (anywhere, offline), `npm run test:postgres` (needs a PostgreSQL server's binaries) and
 * `npm run test:browser` (needs Chromium). And `npm run soak`, which is one test of the second for minutes,
 * and `npm run bench`, which measures.
 */
const suites: Record<string, string[]> = {
  test: ['test/*.test.ts', 'test/{auth,chat,db,dev,http,llm,widget}/**/*.test.ts'],
  postgres: ['test/{db,http,postgres,soak}/**/*.test.ts', 'test/dev/neon-http.test.ts'],
  browser: ['test/browser/**/*.test.ts'],
  soak: ['test/soak/*.test.ts'],
  bench: ['test/bench/*.test.ts'],
}

export default defineConfig(({ mode }) => ({
  test: {
    include: suites[mode] ?? [],
    globalSetup: 'test/global-setup.ts',
    env: { TEST_DATABASE: ['postgres', 'soak', 'bench'].includes(mode) ? 'postgres' : 'pglite' },
    reporters: ['default', './test/helpers/totals-reporter.ts'],
    // Most of them wait for a Worker, a model or a database of their own.
    maxWorkers: 3,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
}))
