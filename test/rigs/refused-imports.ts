import { execFile } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/** An import, and whether .oxlintrc.json must allow it. */
export interface ImportProbe {
  /** The file that imports. */
  from: string
  /** `$` stands for a name that is unique in its file. */
  statement: string
  isAllowed: boolean
}

/** Writes files with these imports into a temporary folder and runs oxlint there with our configuration. */
export async function refusedImports(probes: ImportProbe[]): Promise<Set<ImportProbe>> {
  const folder = await mkdtemp(join(tmpdir(), 'lint-'))
  try {
    await copyFile('.oxlintrc.json', join(folder, '.oxlintrc.json'))
    const files = Map.groupBy(probes, ({ from }) => from)
    for (const [file, of] of files) {
      const lines = of.map(({ statement }, index) => statement.replace('$', `x${index}`))
      await mkdir(join(folder, dirname(file)), { recursive: true })
      await writeFile(join(folder, file), `${lines.join('\n')}\n`)
    }
    const places = await refusedPlaces(folder)
    return new Set(
      probes.filter((probe) => {
        const line = (files.get(probe.from)?.indexOf(probe) ?? -1) + 1
        return places.has(`${probe.from}:${line}`)
      }),
    )
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** `file:line` of each import that oxlint refuses. */
function refusedPlaces(folder: string): Promise<Set<string>> {
  const oxlint = join(process.cwd(), 'node_modules/.bin/oxlint')
  const options = { cwd: folder, maxBuffer: 64 * 1024 * 1024 }
  return new Promise((resolve, reject) => {
    // It exits with 1, because it refuses imports.
    execFile(process.execPath, [oxlint, '--format=unix', '.'], options, (_, output, errors) => {
      const lines = output.matchAll(
        /^(.+?:\d+):\d+: .*\((?:no-restricted-imports|no-nodejs-modules)\)/gm,
      )
      const places = Array.from(lines, ([, place = '']) => place)
      if (places.length === 0) reject(new Error(errors || output))
      else resolve(new Set(places))
    })
  })
}
