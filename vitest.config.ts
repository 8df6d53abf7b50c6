import { defineConfig } from 'vitest/config'

const reporters = ['default', './test/rigs/totals-reporter.ts']

/**
 * test/README.md explains the projects. `unit` has no set-up; each of the others builds the Worker and starts a database
 * once, for all its files.
 */
export default defineConfig({
  test: {
    reporters,
    projects: [
      // A test of a second may take ten on a busy machine.
      project('unit', ['test/unit/**/*.test.ts'], { testTimeout: 20_000 }),
      project(
        'http',
        ['test/*.test.ts', 'test/{db,dev,http}/**/*.test.ts'],
        withDatabase('pglite'),
      ),
      project(
        'postgres',
        ['test/{db,http,postgres,soak}/**/*.test.ts', 'test/dev/neon-http*.test.ts'],
        withDatabase('postgres'),
      ),
      // The http tests again, with the Worker writing each reply itself.
      project(
        'alone',
        ['test/http/*.test.ts'],
        withDatabase('pglite', { TEST_LIVE_REPLIES: 'off' }),
      ),
      project('browser', ['test/browser/**/*.test.ts'], withDatabase('pglite')),
      project('soak', ['test/soak/*.test.ts'], withDatabase('postgres')),
      project('bench', ['test/bench/*.test.ts'], withDatabase('postgres')),
    ],
  },
})

function project(name: string, include: string[], options: object) {
  return {
    test: { name, include, ...options },
  }
}

function withDatabase(kind: 'pglite' | 'postgres', env: Record<string, string> = {}) {
  return {
    globalSetup: 'test/global-setup.ts',
    env: { TEST_DATABASE: kind, ...env },
    // Most files wait for a Worker or a model, so one more than the cores of a small machine.
    maxWorkers: 3,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  }
}
