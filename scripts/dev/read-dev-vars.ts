import { readFile } from 'node:fs/promises'
import { parseEnv } from 'node:util'
import { DevError } from './dev-error.ts'

/**
 * The settings of a file such as `.dev.vars`; none where it is not there. An empty one counts as absent, so that a copy
 * of `.dev.vars.example` changes nothing until it is filled in. The shell's environment is left alone: a key that
 * another project exported there would be spent unasked.
 */
export async function readDevVars(file: string): Promise<Record<string, string>> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw new DevError(`${file} cannot be read (${error.code})`)
  })
  const settings: Record<string, string> = {}
  for (const [name, value] of Object.entries(parseEnv(text))) {
    if (value !== undefined && value.trim() !== '') settings[name] = value
  }
  return settings
}
