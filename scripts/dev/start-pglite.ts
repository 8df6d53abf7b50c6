import { randomBytes, randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PGlite } from '@electric-sql/pglite'
import { lockFolder } from './lock-folder.ts'

export interface StartedPglite {
  db: PGlite
  /** For the driver, and for `startNeonHttp`, which checks it. Only the endpoint uses the password; each start has a new one. */
  connectionString: string
  close(): Promise<void>
}

/**
 * Starts PostgreSQL in this process. It uses `dataDir`, which it creates and locks. Without `dataDir` it runs in memory,
 * from an initialised copy that the first start leaves in the project's `.cache` (0.6 s instead of 5).
 *
 * @throws if another process has `dataDir`.
 */
export async function startPglite(options: { dataDir?: string } = {}): Promise<StartedPglite> {
  const { dataDir } = options
  const lock = dataDir === undefined ? undefined : await lockFolder(dataDir)
  const db = dataDir === undefined ? await startInMemory() : await PGlite.create(dataDir)
  const password = randomBytes(24).toString('base64url')
  return {
    db,
    connectionString: `postgres://postgres:${password}@pglite.localhost/postgres`,
    close: async () => {
      await db.close()
      await lock?.release()
    },
  }
}

async function startInMemory(): Promise<PGlite> {
  const cacheFile = await cachePath()
  const saved = await readFile(cacheFile).catch(() => undefined)
  if (saved) return PGlite.create({ loadDataDir: new Blob([saved]) })
  const db = await PGlite.create()
  const dump = await db.dumpDataDir('none')
  // Rename the complete file into place: nobody reads half a file, and the last of two writers wins.
  const partFile = `${cacheFile}.${randomUUID()}.part`
  await mkdir(dirname(cacheFile), { recursive: true })
  try {
    await writeFile(partFile, Buffer.from(await dump.arrayBuffer()))
    await rename(partFile, cacheFile)
  } finally {
    await rm(partFile, { force: true })
  }
  return db
}

/** Each version has its own file: another PGlite may be unable to read it. */
async function cachePath(): Promise<string> {
  const entry = createRequire(import.meta.url).resolve('@electric-sql/pglite')
  const manifest = await readFile(resolve(dirname(entry), '../package.json'), 'utf8')
  const { version }: { version: string } = JSON.parse(manifest)
  return fileURLToPath(new URL(`../../.cache/pglite-${version}.tar`, import.meta.url))
}
