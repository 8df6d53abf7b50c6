import { randomUUID } from 'node:crypto'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { text as readText } from 'node:stream/consumers'
import * as z from 'zod'
import { listen } from './listen.ts'

/** What the lock file holds: who has the folder, and the loopback port on which that process says `key`. */
const Lock = z.object({ processId: z.int(), port: z.int().min(1).max(65_535), key: z.string() })

/** How long to wait for the key. A database that works blocks its thread, so silence is taken for an owner. */
const answerTimeoutMs = 2_000

/**
 * Takes a folder for this process, by a file `<folder>.lock` beside it. The lock lives as long as a port that only its
 * owner answers, so whatever a process leaves behind that was killed is taken over, also when its process id belongs
 * to another program by now. (Two that take over the same lock at the same moment could both succeed: accepted, for
 * folders that people start by hand.)
 *
 * @throws where a running process has it.
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

/** The id of the running process that has the folder. */
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

/** Whether whoever listens on a port says the key, or does not get to it. */
async function saysKey(port: number, key: string): Promise<boolean> {
  const socket = connect({ port, host: '127.0.0.1' })
  // Asked for, since most servers are silent until they are, and answer this with an error.
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
