import { execFile, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { access, chown, constants, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { listen } from './listen.ts'

const run = promisify(execFile)

export type PostgresServer = {
  /** Direct, over TCP, as the superuser `postgres`. */
  connectionString: string
  stop(): Promise<void>
}

/**
 * Starts a real PostgreSQL server from the binaries on this machine, on a free port of 127.0.0.1,
 * with a new cluster in a temporary folder and a random password. It is for data that nobody will
 * miss: nothing is synced to the disk, and the folder is removed when the server stops.
 *
 * It stops by `stop()`, or when this process ends, however that comes: the server is the child of a
 * shell that waits for the end of a pipe which only this process holds.
 *
 * @throws where there are no binaries, naming what to install, or where they fail, with their log.
 */
export async function startPostgresServer(): Promise<PostgresServer> {
  const binaries = await findBinaries(await usualFolders())
  const owner = await findOwner()
  for (let triesLeft = 2; ; triesLeft -= 1) {
    try {
      return await startInNewFolder(binaries, owner)
    } catch (error) {
      // PostgreSQL cannot choose a free port by itself, and the one chosen for it may be taken since.
      const isPortTaken = String(error).includes('could not create any TCP/IP sockets')
      if (!isPortTaken || triesLeft === 0) throw error
    }
  }
}

async function startInNewFolder(binaries: string, owner: Owner): Promise<PostgresServer> {
  const folder = await mkdtemp(join(tmpdir(), 'neon-chat-postgres-'))
  try {
    const password = randomBytes(24).toString('base64url')
    await initCluster(binaries, owner, folder, password)
    const { supervisor, port } = await launch(binaries, owner, folder)
    return {
      connectionString: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`,
      stop: () => stopSupervisor(supervisor),
    }
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw error
  }
}

/** The PATH, then Debian's own place, newest version first. */
async function usualFolders(): Promise<string[]> {
  const debianRoot = '/usr/lib/postgresql'
  const versions = await readdir(debianRoot).catch(() => [])
  const newestFirst = versions.toSorted((a, b) => Number(b) - Number(a))
  return [
    ...(process.env['PATH'] ?? '').split(delimiter).filter(Boolean),
    ...newestFirst.map((version) => join(debianRoot, version, 'bin')),
  ]
}

/**
 * The first folder that has both `initdb` and `postgres`.
 *
 * @throws where there is none, naming what to install.
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

type Owner = { uid: number; gid: number } | undefined

/** PostgreSQL refuses to run as root: then it runs as the user that its package made. */
async function findOwner(): Promise<Owner> {
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

/** UTF-8 by code point, messages in English, times in UTC: as Neon has it. */
async function initCluster(
  binaries: string,
  owner: Owner,
  folder: string,
  password: string,
): Promise<void> {
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

/** $1 is the folder, the rest the server's command line. */
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
  binaries: string,
  owner: Owner,
  folder: string,
): Promise<{ supervisor: ChildProcess; port: number }> {
  const port = await freePort()
  const settings = {
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
  for (const [name, value] of Object.entries(settings)) server.push('-c', `${name}=${value}`)
  const supervisor = spawn(
    '/bin/sh',
    ['-c', supervise, 'postgres-server', folder, ...server],
    // In a process group of its own, or Ctrl-C in the terminal would reach the shell too.
    { ...owner, cwd: folder, detached: true, stdio: ['pipe', 'ignore', 'pipe'] },
  )
  // A supervisor that was killed does not read the end of its input any more.
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

/** Ready when the log says so; not to be expected any more when the server closes its log. */
function readUntilReady(supervisor: ChildProcess): Promise<{ isReady: boolean; log: string }> {
  return new Promise((resolve, reject) => {
    let log = ''
    supervisor.once('error', reject)
    supervisor.stderr?.setEncoding('utf8')
    supervisor.stderr?.on('data', (text: string) => {
      // Read to the end of the server's days, or it would wait for room in the pipe.
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
