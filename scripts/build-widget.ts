import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { type BuildOptions, context, type Plugin, transform } from 'esbuild'

const SOURCE = fileURLToPath(new URL('../src/widget/', import.meta.url))
const OUT_DIR = fileURLToPath(new URL('../dist/widget/', import.meta.url))

/** `import styles from './widget.css'` is the minified text, for a constructable stylesheet. */
const stylesheetAsText: Plugin = {
  name: 'stylesheet-as-text',
  setup(build) {
    build.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8')
      const { code } = await transform(source, { loader: 'css', minify: true, charset: 'utf8' })
      return { contents: code.trim(), loader: 'text' }
    })
  },
}

export type WidgetBuild = {
  /** Bytes of each script after gzip. */
  gzipBytes: Record<'widget.js' | 'ChatbotWidget.js', number>
  /** Ends watching; without `watch` there is nothing to end. */
  stop: () => Promise<void>
}

/**
 * Builds what the Worker serves as static assets: `widget.js`, the React component
 * `ChatbotWidget.js`, the demo page and its headers. With `watch`, a changed source is built again
 * until `stop`. Rejects where a source does not compile.
 */
export async function buildWidget({
  outDir = OUT_DIR,
  watch = false,
}: { outDir?: string; watch?: boolean } = {}): Promise<WidgetBuild> {
  const common: BuildOptions = {
    absWorkingDir: SOURCE,
    outdir: outDir,
    bundle: true,
    format: 'esm',
    target: 'es2022',
    charset: 'utf8',
    logLevel: 'warning',
  }
  const contexts = await Promise.all([
    context({
      ...common,
      entryPoints: {
        widget: 'widget.ts',
        page: 'page/page.ts',
      },
      minify: true,
      plugins: [stylesheetAsText],
    }),
    context({
      ...common,
      entryPoints: { index: 'page/index.html', page: 'page/page.css', _headers: 'page/_headers' },
      loader: { '.html': 'copy', '.css': 'copy', '': 'copy' },
    }),
    context({
      ...common,
      entryPoints: { ChatbotWidget: 'react/ChatbotWidget.tsx' },
      external: ['react'],
      // Not minified: people copy and read it, and bundlers need the comments in its import.
    }),
  ])
  try {
    await Promise.all(contexts.map((each) => each.rebuild()))
    if (watch) await Promise.all(contexts.map((each) => each.watch()))
  } catch (error) {
    await Promise.all(contexts.map((each) => each.dispose()))
    throw error
  }
  if (!watch) await Promise.all(contexts.map((each) => each.dispose()))

  const gzipBytesOf = async (name: string) =>
    gzipSync(await readFile(join(outDir, name)), { level: 9 }).length
  return {
    gzipBytes: {
      'widget.js': await gzipBytesOf('widget.js'),
      'ChatbotWidget.js': await gzipBytesOf('ChatbotWidget.js'),
    },
    stop: async () => {
      await Promise.all(contexts.map((each) => each.dispose()))
    },
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const watch = process.argv.includes('--watch')
  const { gzipBytes } = await buildWidget({ watch })
  for (const [name, bytes] of Object.entries(gzipBytes)) {
    console.log(`${name}: ${(bytes / 1024).toFixed(1)} KiB gz`)
  }
}
