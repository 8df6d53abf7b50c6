/** A small wrong change to the code, and the test files that must fail with it. */
export interface Mutant {
  /** The bug, as a report would describe it. */
  bug: string
  file: string
  /** Must occur exactly once in the file. */
  from: string
  to: string
  project: 'unit' | 'http'
  tests: string[]
}
