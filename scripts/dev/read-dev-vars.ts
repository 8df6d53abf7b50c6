import { readFile } from 'node:fs/promises'
import { parseEnv } from 'node:util'
import { DevError } from './dev-error.ts'

/**
 * Reads the settings of a file such as `.dev.vars`; none if the file does not exist. An empty setting counts as absent,
 * so a copy of `.dev.vars.example` changes nothing until it is filled in. The environment of the shell is not read: it
 * may hold the API key of another project, and using that would cost money.
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
