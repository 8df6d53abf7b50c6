import { readFile } from 'node:fs/promises'
import { parseEnv } from 'node:util'
import { DevError } from './dev-error.ts'

/**
 * Reads the settings of a file such as `.dev.vars`; none if the file does not exist. An empty setting counts as absent,
 * so a copy of `.dev.vars.example` changes nothing until it is filled in. The environment of the shell is not read: it
 * may hold the API key of another project, and using that would cost money.
 * @throws DevError if the file cannot be read, or is not in UTF-8
 */
export async function readDevVars(file: string): Promise<Record<string, string>> {
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return new Uint8Array()
    throw new DevError(`${file} cannot be read (${error.code})`)
  })
  const settings: Record<string, string> = {}
  for (const [name, value] of Object.entries(parseEnv(decode(bytes, file)))) {
    // parseEnv takes a comment after spaces for a name.
    const isName = /^[\w.-]+$/.test(name)
    if (isName && value !== undefined && value.trim() !== '') settings[name] = value
  }
  return settings
}

/** Without the mark that some editors write first (U+FEFF), which would become a part of the first name. */
function decode(bytes: Uint8Array, file: string): string {
  // The names of settings are ASCII, so UTF-16 has a zero in every second byte of them.
  if (bytes.includes(0)) throw new DevError(`${file} is in UTF-16. Save it as UTF-8.`)
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes)
  } catch {
    throw new DevError(`${file} is not in UTF-8. Save it as UTF-8.`)
  }
}
