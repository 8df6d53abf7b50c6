import { defineConfig } from 'vitest/config'

const reporters = ['default', './test/rigs/totals-reporter.ts']

/**
 * The projects, told apart in test/README.md. `unit` needs nothing but Node; the others share a built Worker and a
 * database, started once for all their files.
 */
export default defineConfig({
  test: {
    reporters,
    projects: [
      project('unit', ['test/unit/**/*.test.ts'], {}),
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

function withDatabase(kind: 'pglite' | 'postgres') {
  return {
    globalSetup: 'test/global-setup.ts',
    env: { TEST_DATABASE: kind },
    // Most of them wait for a Worker, a model or a database of their own.
    maxWorkers: 3,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  }
}
