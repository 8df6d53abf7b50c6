import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { findBinaries, findOwner, type PostgresOwner, usualFolders } from './find-postgres.ts'
import { listen } from './listen.ts'

const run = promisify(execFile)

export interface PostgresServer {
  /** Direct, over TCP, as the superuser `postgres`. */
  connectionString: string
  stop(): Promise<void>
}

export interface PostgresOptions {
  /** Parameters of the server beside those that it always has. */
  settings?: Record<string, string>
}

/**
 * Starts a real PostgreSQL server from the binaries on this machine, on a free port of 127.0.0.1, with a new cluster in a
 * temporary folder and a random password. It is for data that nobody will miss: nothing is synced to the disk, and the
 * folder is removed when the server stops.
 *
 * The server stops on `stop()`, or when this process ends in any way: a shell is its parent and waits for the end of a
 * pipe that only this process holds.
 *
 * @throws if there are no binaries, naming the package to install, or if they fail, with their log.
 */
export async function startPostgresServer(options: PostgresOptions = {}): Promise<PostgresServer> {
  const binaries = await findBinaries(await usualFolders())
  const owner = await findOwner()
  for (let triesLeft = 2; ; triesLeft -= 1) {
    try {
      return await startInNewFolder({ ...options, binaries, owner })
    } catch (error) {
      // PostgreSQL cannot choose a free port by itself, and another process may have taken the one chosen for it.
      const isPortTaken = String(error).includes('could not create any TCP/IP sockets')
      if (!isPortTaken || triesLeft === 0) throw error
    }
  }
}

interface Cluster extends PostgresOptions {
  binaries: string
  owner: PostgresOwner
}

async function startInNewFolder(cluster: Cluster): Promise<PostgresServer> {
  const folder = await mkdtemp(join(tmpdir(), 'neon-chat-postgres-'))
  try {
    const password = randomBytes(24).toString('base64url')
    await initCluster(cluster, folder, password)
    const { supervisor, port } = await launch(cluster, folder)
    return {
      connectionString: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`,
      stop: () => stopSupervisor(supervisor),
    }
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw error
  }
}

/** As at Neon: UTF-8 sorted by code point, messages in English, times in UTC. */
async function initCluster({ binaries, owner }: Cluster, folder: string, password: string) {
  const passwordFile = join(folder, 'password')
  await writeFile(passwordFile, password, { mode: 0o600 })
  if (owner) {
    await Promise.all([folder, passwordFile].map((path) => chown(path, owner.uid, owner.gid)))
  }
  const locale = process.platform === 'linux' ? 'C.UTF-8' : 'C'
  await run(
    join(binaries, 'initdb'),
    [
      `--pgdata=${join(folder, 'data')}`,
      '--username=postgres',
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      `--locale=${locale}`,
      '--no-sync',
    ],
    { ...owner, cwd: folder },
  )
  await rm(passwordFile)
}

/** $1 is the folder; the other arguments are the server's command line. */
const supervise = `
folder=$1
shift
"$@" &
server=$!
exec 2>/dev/null
cat >/dev/null
kill -QUIT $server
wait $server
cd /
rm -rf "$folder"
`

async function launch(
  { binaries, owner, settings }: Cluster,
  folder: string,
): Promise<{ supervisor: ChildProcess; port: number }> {
  const port = await freePort()
  const parameters = {
    ...settings,
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    max_connections: 200,
    fsync: 'off',
    synchronous_commit: 'off',
    full_page_writes: 'off',
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_min_messages: 'log',
  }
  const server = [join(binaries, 'postgres'), '-D', join(folder, 'data')]
  for (const [name, value] of Object.entries(parameters)) server.push('-c', `${name}=${value}`)
  const supervisor = spawn(
    '/bin/sh',
    ['-c', supervise, 'postgres-server', folder, ...server],
    // In a process group of its own, because Ctrl-C in the terminal reaches the whole group.
    { ...owner, cwd: folder, detached: true, stdio: ['pipe', 'ignore', 'pipe'] },
  )
  // A supervisor that was killed no longer reads its input.
  supervisor.stdin.on('error', () => undefined)
  const { isReady, log } = await readUntilReady(supervisor)
  if (isReady) return { supervisor, port }
  await stopSupervisor(supervisor)
  throw new Error(`PostgreSQL did not start:\n${log}`)
}

async function freePort(): Promise<number> {
  const server = createServer()
  const port = await listen(server)
  await new Promise((closed) => server.close(closed))
  return port
}

/** The log says when the server is ready. If the server closes its log first, it failed. */
function readUntilReady(supervisor: ChildProcess): Promise<{ isReady: boolean; log: string }> {
  return new Promise((resolve, reject) => {
    let log = ''
    supervisor.once('error', reject)
    supervisor.stderr?.setEncoding('utf8')
    supervisor.stderr?.on('data', (text: string) => {
      // Read as long as the server runs, or it would wait for room in the pipe.
      log = (log + text).slice(-8_000)
      if (log.includes('database system is ready to accept connections')) {
        resolve({ isReady: true, log })
      }
    })
    supervisor.stderr?.once('end', () => resolve({ isReady: false, log }))
  })
}

async function stopSupervisor(supervisor: ChildProcess): Promise<void> {
  if (supervisor.exitCode !== null || supervisor.signalCode !== null) return
  const exited = once(supervisor, 'exit')
  supervisor.stdin?.end()
  await exited
}
