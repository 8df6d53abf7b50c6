import type { Reporter, TestModule } from 'vitest/node'

/**
 * Ends a run with `N passed, N failed`, which any CI can read. A file that could not start counts as failed, and so does a
 * group of tests whose hook failed.
 */
export default class TotalsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]) {
    const tests = modules.flatMap((module) => [...module.children.allTests()])
    const count = (state: string) => tests.filter((test) => test.result().state === state).length
    const groups = modules.flatMap((module) => [module, ...module.children.allSuites()])
    const broken = groups.filter((group) => group.errors().length > 0).length
    const skipped = count('skipped') > 0 ? `, ${count('skipped')} skipped` : ''
    const failed = count('failed') + broken + unhandledErrors.length
    process.stdout.write(`\n${count('passed')} passed, ${failed} failed${skipped}\n`)
  }
}
