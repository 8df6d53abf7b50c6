import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, inject, test } from 'vitest'

const maxKiB = 320

test(`the Worker is at most ${maxKiB} KiB, minified and gzipped`, async () => {
  const worker = await readFile(join(inject('workerDir'), 'index.js'))
  const kiB = gzipSync(worker, { level: 9 }).length / 1024
  console.log(`Worker: ${kiB.toFixed(1)} KiB gz`)
  expect(kiB).toBeLessThan(maxKiB)
  // It is the minified one that is measured.
  expect(worker.toString().split('\n').length).toBeLessThan(3_000)
})
