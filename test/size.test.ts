import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { expect, inject, test } from 'vitest'
import { buildWidget, widgetOptions } from '../scripts/build-widget.ts'

const maxKiB = 320

test(`the Worker is at most ${maxKiB} KiB, minified and gzipped`, async () => {
  const worker = await readFile(join(inject('workerDir'), 'index.js'))
  const kiB = gzipSync(worker, { level: 9 }).length / 1024
  console.log(`Worker: ${kiB.toFixed(1)} KiB gz`)
  expect(kiB).toBeLessThan(maxKiB)
  // Checks that the measured file is minified.
  expect(worker.toString().split('\n').length).toBeLessThan(3_000)
})

const widgetMaxKiB = {
  /** Every page view loads it. */
  'widget.js': 10.5,
  /** Loaded when the visitor reaches for the chat. */
  'chunks/conversation.js': 15,
  'ChatbotWidget.js': 1,
  'chunks/highlight.js': 27,
}
/** For every other chunk: a language, or a part of the chat that few visitors open. */
const chunkMaxKiB = 3

test('element, styles and Markdown are at most 16 KiB', async () => {
  const { outputFiles } = await build({
    stdin: {
      contents: `
        export { ChatbotWidget } from './src/widget/widget.ts'
        export { createMarkdownView } from './src/widget/markdown/markdown-view.ts'`,
      resolveDir: '.',
    },
    ...widgetOptions('./chunks/'),
    write: false,
  })
  const kiB = gzipSync(outputFiles[0]?.contents ?? '', { level: 9 }).length / 1024
  console.log(`Element, styles and Markdown: ${kiB.toFixed(1)} KiB gz`)
  expect(kiB).toBeGreaterThan(8)
  expect(kiB).toBeLessThan(16)
})

test('each file of the widget keeps its size limit', async () => {
  const outDir = await mkdtemp(join(tmpdir(), 'widget-'))
  try {
    const { gzipBytes } = await buildWidget({ outDir })
    const limits: Record<string, number> = widgetMaxKiB
    const tooBig = Object.entries(gzipBytes)
      .map(([name, bytes]) => ({ name, kiB: bytes / 1024 }))
      .filter(({ name, kiB }) => kiB > (limits[name] ?? chunkMaxKiB))
    expect(tooBig).toEqual([])
    expect(Object.keys(gzipBytes)).toEqual(expect.arrayContaining(Object.keys(limits)))
  } finally {
    await rm(outDir, { recursive: true })
  }
})
