import { readdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { type BuildOptions, context, type Plugin, transform } from 'esbuild'

const sourceDir = fileURLToPath(new URL('../src/widget/', import.meta.url))
const defaultOutDir = fileURLToPath(new URL('../dist/widget/', import.meta.url))

/** `import styles from './widget.css'` yields minified text, for a constructable stylesheet. */
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

/**
 * Makes each dynamic import a chunk of its own that shares no code with the others. (esbuild's own splitting moves
 * shared code to further files, each one more request.) Specifiers are relative, so chunks load from wherever
 * `widget.js` came from.
 * @param folder the path of the chunks, relative to the importing file
 */
function chunksApart(folder: string): Plugin {
  return {
    name: 'chunks-apart',
    setup(build) {
      build.onResolve({ filter: /\.ts$/ }, ({ kind, path }) =>
        kind === 'dynamic-import'
          ? { path: `${folder}${basename(path, '.ts')}.js`, external: true }
          : undefined,
      )
    },
  }
}

const base = {
  bundle: true,
  format: 'esm',
  target: 'es2022',
  charset: 'utf8',
  logLevel: 'warning',
} satisfies BuildOptions

/**
 * The build options of the widget's own scripts.
 * @param chunks the path of the chunks, relative to the built file
 */
export function widgetOptions(chunks: string) {
  const plugins = [stylesheetAsText, chunksApart(chunks)]
  return { ...base, minify: true, plugins } satisfies BuildOptions
}

async function findChunks(): Promise<Record<string, string>> {
  const languages = await readdir(join(sourceDir, 'words/translations'))
  const sources = [
    'conversation/conversation.ts',
    'markdown/code-tools.ts',
    'conversation/claim-sessions.ts',
    'markdown/highlight.ts',
    'panel/session-list.ts',
    'panel/ask-button.ts',
    'client/report-origin.ts',
    'conversation/refuse-files.ts',
    'panel/typed-text.ts',
    'panel/receipt-view.ts',
    'panel/receipt-picture.ts',
    'element/user-key.ts',
    'words/english-later.ts',
    ...languages.map((name) => `words/translations/${name}`),
  ]
  return Object.fromEntries(sources.map((path) => [`chunks/${basename(path, '.ts')}`, path]))
}

/** Copies the public types under the names that sites import. */
async function copyTypes(outDir: string): Promise<void> {
  const files = {
    'widget.d.ts': 'widget-types.ts',
    'ChatbotWidget.d.ts': 'react/component-types.ts',
  }
  for (const [name, source] of Object.entries(files)) {
    const text = await readFile(join(sourceDir, source), 'utf8')
    await writeFile(join(outDir, name), text.replace("'../widget-types.ts'", "'./widget.js'"))
  }
}

export interface WidgetBuild {
  /** The size of each script after gzip, by its path. */
  gzipBytes: Record<string, number>
  /** Stops watching. Does nothing without `watch`. */
  stop: () => Promise<void>
}

/**
 * Builds the static assets of the Worker: `widget.js` and its chunks, the React component `ChatbotWidget.js`, the demo
 * page and its headers. With `watch`, rebuilds after each change of a source until `stop` is called.
 * @throws if a source does not compile
 */
export async function buildWidget({
  outDir = defaultOutDir,
  watch = false,
}: { outDir?: string; watch?: boolean } = {}): Promise<WidgetBuild> {
  const common: BuildOptions = { ...base, absWorkingDir: sourceDir, outdir: outDir }
  const chunks = await findChunks()
  const contexts = await Promise.all([
    context({
      ...common,
      entryPoints: {
        widget: 'widget.ts',
        page: 'page/page.ts',
      },
      ...widgetOptions('./chunks/'),
    }),
    context({
      ...common,
      entryPoints: chunks,
      ...widgetOptions('./'),
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
      // Not minified: sites copy it into their sources, and bundlers need the comments in its import.
    }),
  ])
  try {
    await Promise.all(contexts.map((each) => each.rebuild()))
    await copyTypes(outDir)
    if (watch) await Promise.all(contexts.map((each) => each.watch()))
  } catch (error) {
    await Promise.all(contexts.map((each) => each.dispose()))
    throw error
  }
  if (!watch) await Promise.all(contexts.map((each) => each.dispose()))

  const gzipBytes: Record<string, number> = {}
  const scripts = ['widget', 'ChatbotWidget', ...Object.keys(chunks)]
  for (const name of scripts.map((script) => `${script}.js`)) {
    gzipBytes[name] = gzipSync(await readFile(join(outDir, name)), { level: 9 }).length
  }
  return {
    gzipBytes,
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
