import { execFileSync } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  afterAll,
  afterEach,
  beforeAll,
  describe,
  expect,
  inject,
  onTestFinished,
  test,
  vi,
} from 'vitest'
import { formatLog } from '../../scripts/dev/format-log.ts'
import { listen } from '../../scripts/dev/listen.ts'
import { findLockOwner, lockFolder } from '../../scripts/dev/lock-folder.ts'
import { startOfflineModel } from '../../scripts/dev/offline-model.ts'
import { portFault } from '../../scripts/dev/port-fault.ts'
import { readDevVars } from '../../scripts/dev/read-dev-vars.ts'
import { Env } from '../../src/env.ts'
import type { ChatResponse } from '../../src/protocol.ts'
import { type Client, createClient } from '../rigs/client.ts'
import { type Dev, startDev as start } from '../rigs/start-dev.ts'

type Options = Parameters<typeof start> extends [string, ...infer Rest] ? Rest : never

let folder: string
const started: Dev[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dev-'))
})

afterAll(async () => {
  // A failed test may leave one running; the others have ended.
  for (const { child } of started) child.kill('SIGTERM')
  await Promise.all(started.map(({ exited }) => exited))
  await rm(folder, { recursive: true })
})

function startDev(...options: Options): Dev {
  const dev = start(folder, ...options)
  started.push(dev)
  return dev
}

/** The descendants of a process, by `ps`. */
function descendants(processId: number): { id: number; command: string }[] {
  const rows = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' })
    .split('\n')
    .map((line) => /^ *(\d+) +(\d+) (.*)$/.exec(line)?.slice(1) ?? [])
  const below = (parent: string): { id: number; command: string }[] =>
    rows
      .filter((row) => row[1] === parent)
      .flatMap(([id = '', , command = '']) => [{ id: Number(id), command }, ...below(id)])
  return below(String(processId))
}

async function allHaveEnded(processes: { id: number }[], origin: string): Promise<void> {
  await vi.waitFor(
    async () => {
      expect(processes.filter(isRunning)).toEqual([])
      expect(await portFault(Number(new URL(origin).port))).toBeUndefined()
    },
    { timeout: 15_000, interval: 100 },
  )
}

function isRunning({ id }: { id: number }): boolean {
  try {
    return process.kill(id, 0)
  } catch {
    return false
  }
}

describe('history', () => {
  let dev: Dev
  let origin: string
  let visitor: Client
  let first: ChatResponse

  beforeAll(async () => {
    dev = startDev()
    origin = await dev.ready()
    visitor = createClient(origin)
  }, 60_000)

  test('the printed curl line gets an answer', async () => {
    const line =
      dev
        .output()
        .split('\n')
        .find((text) => text.includes('curl')) ?? ''
    first = JSON.parse(execFileSync('sh', ['-c', line], { encoding: 'utf8' }))
    expect(first.reply.content).toContain('your name is Ada')
    visitor.token = first.visitor_token
    expect(dev.output()).toContain('Applied 0001_')
    expect(dev.output()).toContain('npm run dev -- --example')
    expect(dev.output()).not.toContain('TOKEN=')
    await vi.waitFor(() => expect(dev.output()).toMatch(/POST \/v1\/chat 200 \d+ ms\n/), 10_000)
  })

  test('the second message of a session is answered from the first', async () => {
    const { session_id } = first
    const { reply } = await visitor.chat({ session_id, message: 'What is my name?' })
    expect(reply.content).toContain('Your name is Ada')
  })

  test('the page and the widget are served', async () => {
    expect(await (await fetch(origin)).text()).toContain('widget.js')
    expect((await fetch(`${origin}/widget.js`)).status).toBe(200)
  })

  test('a site on any port of this machine may use it, and no other', async () => {
    const statusFrom = async (from: string) =>
      (await visitor.request('GET', '/v1/sessions', undefined, { origin: from })).status
    for (const site of ['http://localhost:3000', 'http://127.0.0.1:5173', origin])
      expect(await statusFrom(site), site).toBe(200)
    expect(await statusFrom('https://www.example.com')).toBe(403)
  })

  test('a second start in the same folder is refused, with the way out', async () => {
    const output = await refusal(['--data', folder])
    expect(output).toContain(`in use by process ${dev.child.pid}`)
    expect(output).toContain('npm run dev -- --data')
  })

  test('a taken port is refused, with the way to choose another', async () => {
    const { port } = new URL(origin)
    const output = await refusal(['--port', port])
    expect(output).toContain(`port ${port} is taken`)
    expect(output).toContain(`npm run dev -- --port ${Number(port) + 1}`)
  })

  test('Ctrl-C ends every process with code 0, and the next start shows and uses the history', async () => {
    const processes = descendants(dev.child.pid ?? 0)
    expect(processes.some(({ command }) => command.includes('workerd'))).toBe(true)
    dev.child.kill('SIGINT')
    // npm passes the signal on a moment later, although the terminal has sent it already.
    await sleep(50)
    dev.child.kill('SIGINT')
    expect(await dev.exited).toBe(0)
    await allHaveEnded(processes, origin)

    dev = startDev([], { shell: true })
    origin = await dev.ready()
    visitor = createClient(origin, visitor.token)
    expect(dev.output()).not.toContain('Applied')
    expect(dev.output()).not.toContain('the first time')
    const { data } = await visitor.expect(200, 'GET', '/v1/sessions')
    expect(data.map(({ id }: { id: string }) => id)).toEqual([first.session_id])
    const path = `/v1/sessions/${first.session_id}/messages`
    const messages = await visitor.expect(200, 'GET', path)
    expect(messages.data).toHaveLength(4)
    const { session_id } = first
    const { reply } = await visitor.chat({ session_id, message: 'What is my name?' })
    expect(reply.content).toContain('Your name is Ada')
  }, 60_000)

  test('everything ends when the parent is killed', async () => {
    const processes = descendants(dev.child.pid ?? 0)
    expect(processes.some(({ command }) => command.includes('workerd'))).toBe(true)
    onTestFinished(() => processes.filter(isRunning).forEach(({ id }) => process.kill(id)))
    dev.child.kill('SIGKILL')
    await allHaveEnded(processes, origin)
    expect(await findLockOwner(join(folder, 'postgres'))).toBeUndefined()
  })
})

/** The output of the command when it refuses to start. It must not have built or started anything by then. */
async function refusal(args: string[], settings: string | Uint8Array = ''): Promise<string> {
  const builtAt = async () => (await stat('dist/widget/widget.js')).mtimeMs
  const before = await builtAt()
  await writeFile(join(folder, 'refused'), settings)
  const unused = ['--data', join(folder, 'unused'), ...args]
  const dev = startDev(unused, { settings: 'refused' })
  expect(await dev.exited, dev.output()).toBe(1)
  expect(await builtAt(), 'the widget was built').toBe(before)
  expect(await readdir(folder)).not.toContain('unused')
  expect(dev.output()).not.toMatch(/Building|Preparing|Starting|\n {4}at /)
  expect(dev.output()).toMatch(/npm run dev: /)
  return dev.output()
}

describe('the command refuses, before it builds or starts anything,', () => {
  test('wrong settings of the file, all at once', async () => {
    const output = await refusal([], 'CONTEXT_TOKEN_BUDGET=abc\nTURN_LEASE_MS=1')
    expect(output).toMatch(/CONTEXT_TOKEN_BUDGET must be a whole number.*\n +TURN_LEASE_MS /)
  })

  test('settings that are wrong only together', async () => {
    const output = await refusal([], 'CONTEXT_TOKEN_BUDGET=1000\nMAX_COMPLETION_TOKENS=1000')
    expect(output).toContain('CONTEXT_TOKEN_BUDGET leaves no room')
  })

  test('an example conversation for a database of the developer', async () => {
    const url = 'postgres://u:canary@db.invalid/db'
    const output = await refusal(['--example'], `DATABASE_URL=${url}`)
    expect(output).toContain('--example writes a made-up conversation, and DATABASE_URL in ')
    expect(output).toMatch(/npm run dev -- --example --vars \S+unused\Wvars\n/)
    expect(output).not.toMatch(/canary|not found/)
  })

  test('a file in UTF-16', async () => {
    const output = await refusal([], Buffer.from('\uFEFFTURN_LEASE_MS=1', 'utf16le'))
    expect(output).toContain('is in UTF-16. Save it as UTF-8.')
  })

  test('the first setting of a file with a mark before it, by its name', async () => {
    expect(await refusal([], '\uFEFFTURN_LEASE_MS=1')).toContain('\n  TURN_LEASE_MS must be')
  })

  test.each(['\n', '\u0001', 'é'])(
    'secrets with %j in them, without a part of them',
    async (part) => {
      const value = `"canary${part}canary${'x'.repeat(32)}"`
      const names = ['OPENAI_API_KEY', 'ADMIN_TOKEN', 'DATABASE_URL']
      const output = await refusal([], names.map((name) => `${name}=${value}`).join('\n'))
      for (const name of names) expect(output).toContain(`\n  ${name} `)
      expect(output).not.toMatch(/canary|xxx/)
    },
  )

  test.each([
    ['no password', 'postgres://user@db.invalid/db', 'DATABASE_URL must name a password'],
    ['a host that does not exist', 'postgres://u:canary@db.invalid/db', 'db.invalid was not found'],
    ['nobody there', 'postgres://u:canary@127.0.0.1:1/db', 'could not connect to 127.0.0.1:1: '],
    ['nobody there, and no password', 'postgres://u@localhost:1/db', 'connect to localhost:1: '],
  ])('a database with %s', async (_, url, message) => {
    const output = await refusal([], `DATABASE_URL=${url}`)
    expect(output).toContain(message)
    expect(output).not.toMatch(/canary|workerd/)
    expect(output.trim().split('\n').length).toBeLessThanOrEqual(2)
  })

  test('the wrong password, or an unknown database, of a database that speaks HTTP', async () => {
    const { connectionString, endpoint } = inject('database')
    for (const part of ['password', 'pathname'] as const) {
      const url = new URL(connectionString)
      url[part] = 'canary'
      const settings = { DATABASE_URL: url.href, NEON_HTTP_ENDPOINT: endpoint }
      const lines = Object.entries(settings).map(([name, value]) => `${name}='${value}'`)
      const output = await refusal([], lines.join('\n'))
      expect(output).toContain('DATABASE_URL was refused by the database')
      expect(output).not.toContain('canary')
    }
  })
})

describe('settings', () => {
  test('the command uses the settings of .dev.vars, and neither arguments nor output have a secret', async () => {
    const model = await startOfflineModel()
    onTestFinished(() => model.close())
    const { connectionString, endpoint } = inject('database')
    const settings = {
      DATABASE_URL: connectionString,
      NEON_HTTP_ENDPOINT: endpoint,
      OPENAI_API_KEY: 'sk-$canary',
      OPENAI_BASE_URL: model.baseUrl,
      OPENAI_MODEL: 'llama3.2',
      OPENAI_MAX_TOKENS_FIELD: 'max_tokens',
      MAX_COMPLETION_TOKENS: '77',
      // Allowed only with the binding of live replies.
      MODEL_TIMEOUT_MS: '600000',
      TURN_LEASE_MS: '64000',
      AUTH_JWKS_URL: 'https://login.invalid/jwks.json',
      AUTH_AUDIENCE: 'chat',
    }
    const lines = Object.entries(settings).map(([name, value]) => `${name}='${value}'`)
    await writeFile(join(folder, 'own'), lines.join('\n'))
    const dev = startDev(['--data', join(folder, 'unused')], { settings: 'own' })
    const client = createClient(await dev.ready())
    await client.chat({ message: 'Hello' })

    const request = model.requests.at(-1)
    expect(request?.headers.authorization).toBe('Bearer sk-$canary')
    expect(request?.body).toMatchObject({ model: 'llama3.2', max_tokens: 77 })
    expect(await readdir(folder)).not.toContain('unused')
    const commands = descendants(dev.child.pid ?? 0).map(({ command }) => command)
    expect(commands.join('\n')).toContain('workerd')
    expect(commands.join('\n')).not.toContain('canary')
    expect(commands.join('\n')).not.toContain(new URL(connectionString).password)

    const part = (json: object) => Buffer.from(JSON.stringify(json)).toString('base64url')
    client.token = `${part({ alg: 'RS256', kid: 'k' })}.${part({ sub: 'ada' })}.c2lnbmF0dXJl`
    await client.expect(503, 'GET', '/v1/sessions')
    await vi.waitFor(() => expect(dev.output()).toContain('check AUTH_JWKS_URL'), 10_000)
    dev.child.kill('SIGTERM')
    expect(await dev.exited).toBe(0)
    expect(dev.output()).not.toContain('canary')
    // Nor workerd's own lines about a host that was not found.
    expect(dev.output()).not.toMatch(/wdErrId|workerd/)
  }, 60_000)

  test('a model that they name without a key gives its name to the replies of the offline model', async () => {
    await writeFile(join(folder, 'named'), 'OPENAI_MODEL=llama3.2')
    const dev = startDev([], { settings: 'named' })
    const client = createClient(await dev.ready())
    const { session_id, reply, visitor_token } = await client.chat({ message: 'Hello' })
    client.token = visitor_token
    expect(reply.content).toContain('I am the offline model')
    const path = `/v1/sessions/${session_id}/messages/${reply.id}/context`
    expect(await client.expect(200, 'GET', path)).toMatchObject({ model: 'llama3.2' })
    dev.child.kill('SIGTERM')
    expect(await dev.exited).toBe(0)
  }, 60_000)

  test('a copy of .dev.vars.example sets nothing and names only settings of the Worker', async () => {
    expect(await readDevVars('.dev.vars.example')).toEqual({})
    const text = await readFile('.dev.vars.example', 'utf8')
    const names = [...text.matchAll(/^(?:# )?([A-Z_]+)=/gm)].map(([, name = '']) => name)
    expect(names).toContain('DATABASE_URL')
    expect(Object.keys(Env.shape)).toEqual(expect.arrayContaining(names))
  })
})

describe('the lock of a folder', () => {
  const servers: ReturnType<typeof createServer>[] = []

  afterEach(() => {
    for (const server of servers.splice(0)) server.close()
  })

  async function portThatSays(text: string | undefined): Promise<number> {
    const server = createServer((socket) => {
      socket.once('data', () => text !== undefined && socket.end(text))
    })
    servers.push(server)
    return listen(server)
  }

  async function leaveLock(lock: object): Promise<string> {
    const locked = join(await mkdtemp(join(folder, 'lock-')), 'data')
    await writeFile(`${locked}.lock`, JSON.stringify({ processId: process.pid, key: 'k', ...lock }))
    return locked
  }

  test('is taken over if its process id and its port belong to other programs now', async () => {
    const locked = await leaveLock({ port: await portThatSays('HTTP/1.1 400 Bad Request') })
    expect(await findLockOwner(locked)).toBeUndefined()
    await (await lockFolder(locked)).release()
  })

  test('holds while its owner is too busy to answer', async () => {
    const locked = await leaveLock({ port: await portThatSays(undefined) })
    expect(await findLockOwner(locked)).toBe(process.pid)
  })
})

test('the line of a request is short, a fault of the Worker is complete, and other lines stay as they are', () => {
  const line = { request_id: 'r1', method: 'GET', route: '/v1/sessions', status: 200, ms: 7 }
  expect(formatLog(JSON.stringify(line))).toBe('GET /v1/sessions 200 7 ms')
  const missing = { ...line, status: 404, code: 'not_found' }
  expect(formatLog(JSON.stringify(missing))).toBe(
    'GET /v1/sessions 404 7 ms not_found (request r1)',
  )
  const fault = { name: 'TypeError', at: ['at begin (src/x.ts:1:2)'] }
  expect(formatLog(JSON.stringify({ ...line, status: 500, fault }))).toContain(
    'at begin (src/x.ts:1:2)',
  )
  const unreached = { name: 'Problem', hint: 'check OPENAI_BASE_URL' }
  expect(formatLog(JSON.stringify({ ...line, status: 502, fault: unreached }))).toBe(
    'GET /v1/sessions 502 7 ms error (request r1)\n  check OPENAI_BASE_URL',
  )
  const reply = { request_id: 'r1', reply_id: 'm1', code: 'model_unavailable', fault: unreached }
  expect(formatLog(JSON.stringify(reply))).toBe(
    '  reply not complete: model_unavailable, check OPENAI_BASE_URL (request r1)',
  )
  expect(formatLog('{"mine":1}')).toBe('{"mine":1}')
})
