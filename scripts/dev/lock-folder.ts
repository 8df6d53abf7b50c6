import { randomUUID } from 'node:crypto'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { text as readText } from 'node:stream/consumers'
import * as z from 'zod'
import { listen } from './listen.ts'

/** The lock file names the process that has the folder, and the loopback port on which that process answers `key`. */
const Lock = z.object({ processId: z.int(), port: z.int().min(1).max(65_535), key: z.string() })

/** How long to wait for the key. A busy database blocks its thread, so silence counts as an owner. */
const answerTimeoutMs = 2_000

/**
 * Locks a folder for this process, by a file `<folder>.lock` beside it. The lock lives as long as a port that only its
 * owner answers. So the next process takes over the lock of a process that was killed, even if its process id belongs to
 * another program now. (Two processes that take over the same lock at the same moment could both succeed. This is
 * accepted for folders that people use by hand.)
 *
 * @throws if a running process has the folder.
 */
export async function lockFolder(folder: string): Promise<{ release(): Promise<void> }> {
  await mkdir(folder, { recursive: true })
  const lockFile = lockFileOf(folder)
  const key = randomUUID()
  const server = createServer((socket) => {
    socket.on('error', () => {}).once('data', () => socket.end(key))
  }).unref()
  const port = await listen(server)
  const take = () =>
    writeFile(lockFile, JSON.stringify({ processId: process.pid, port, key }), { flag: 'wx' })
  try {
    await take()
  } catch {
    const owner = await findLockOwner(folder)
    if (owner !== undefined) {
      server.close()
      throw new Error(`${folder} is in use by process ${owner}`)
    }
    await rm(lockFile, { force: true })
    await take()
  }
  return {
    release: async () => {
      await rm(lockFile, { force: true })
      server.close()
    },
  }
}

/** The id of the running process that has the folder, if there is one. */
export async function findLockOwner(folder: string): Promise<number | undefined> {
  const lock = Lock.safeParse(await readJson(lockFileOf(folder)))
  if (!lock.success) return undefined
  const { processId, port, key } = lock.data
  return (await saysKey(port, key)) ? processId : undefined
}

function lockFileOf(folder: string): string {
  return `${folder.replace(/[/\\]+$/u, '')}.lock`
}

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'))
  } catch {
    return undefined
  }
}

/** Whether the process that listens on a port answers the key, or is too busy to answer. */
async function saysKey(port: number, key: string): Promise<boolean> {
  const socket = connect({ port, host: '127.0.0.1' })
  // Most servers are silent until they get a request, and answer this one with an error.
  socket.write('key?\n\n')
  let isSilent = false
  socket.setTimeout(answerTimeoutMs, () => {
    isSilent = !socket.connecting
    socket.destroy()
  })
  return readText(socket).then(
    (said) => said === key,
    () => isSilent,
  )
}
