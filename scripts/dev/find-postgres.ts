import { execFile } from 'node:child_process'
import { access, constants, readdir } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** The folders of the PATH, then those of Debian's packages, newest version first. */
export async function usualFolders(): Promise<string[]> {
  const debianRoot = '/usr/lib/postgresql'
  const versions = await readdir(debianRoot).catch(() => [])
  const newestFirst = versions.toSorted((a, b) => Number(b) - Number(a))
  return [
    ...(process.env['PATH'] ?? '').split(delimiter).filter(Boolean),
    ...newestFirst.map((version) => join(debianRoot, version, 'bin')),
  ]
}

/**
 * Finds the first folder that has both `initdb` and `postgres`.
 *
 * @throws if there is none; the error names the package to install.
 */
export async function findBinaries(folders: string[]): Promise<string> {
  for (const candidate of folders) {
    const programs = ['initdb', 'postgres'].map((name) => join(candidate, name))
    const found = await Promise.allSettled(programs.map((path) => access(path, constants.X_OK)))
    if (found.every(({ status }) => status === 'fulfilled')) return candidate
  }
  throw new Error(
    'No PostgreSQL server found: neither initdb and postgres on the PATH nor /usr/lib/postgresql. ' +
      'Install one (Debian, Ubuntu: apt-get install -y postgresql; macOS: brew install postgresql).',
  )
}

/** The user that runs the server; undefined: the user of this process. */
export type PostgresOwner = { uid: number; gid: number } | undefined

/** PostgreSQL refuses to run as root, so root runs it as the user that its package created. */
export async function findOwner(): Promise<PostgresOwner> {
  if (process.getuid?.() !== 0) return undefined
  try {
    const [uid, gid] = await Promise.all([
      run('id', ['-u', 'postgres']),
      run('id', ['-g', 'postgres']),
    ])
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) }
  } catch (cause) {
    throw new Error(
      'PostgreSQL does not run as root, and there is no user "postgres" to run it as. ' +
        "Run this as another user, or install your system's package (apt-get install -y postgresql).",
      { cause },
    )
  }
}
