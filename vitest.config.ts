import { defineConfig } from 'vitest/config'

/**
 * Three suites: `npm test` (anywhere, offline), `npm run test:postgres` (needs a PostgreSQL server's binaries) and
 * `npm run test:browser` (needs Chromium).
 */
const suites: Record<string, string[]> = {
  test: ['test/*.test.ts', 'test/{chat,db,dev,http,llm,widget}/**/*.test.ts'],
  postgres: ['test/{db,http,postgres}/**/*.test.ts', 'test/dev/neon-http.test.ts'],
  browser: ['test/browser/**/*.test.ts'],
}

export default defineConfig(({ mode }) => ({
  test: {
    include: suites[mode] ?? [],
    globalSetup: 'test/global-setup.ts',
    env: { TEST_DATABASE: mode === 'postgres' ? 'postgres' : 'pglite' },
    reporters: ['default', './test/helpers/totals-reporter.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
}))
