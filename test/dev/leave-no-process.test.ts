import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { afterEach, expect, test } from 'vitest'

const rig = (name: string) => JSON.stringify(new URL(`../rigs/${name}.ts`, import.meta.url).href)

/**
 * As a test run: it starts a worker, which starts a process; a signal ends it by `process.exit`. Prints all ids.
 * @param isDetached whether the process is in a group of its own
 */
const testRun = (isDetached = false) => `
  const { leaveNoProcess } = await import(${rig('leave-no-process')})
  const { spawn } = await import('node:child_process')
  leaveNoProcess()
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))
  const worker = \`
    const started = require('node:child_process').spawn('sleep', ['600'], { stdio: 'ignore', detached: ${isDetached} })
    console.log(process.ppid, process.pid, started.pid)
    setInterval(() => {}, 60_000)\`
  spawn(process.execPath, ['--eval', worker], { stdio: ['ignore', 'inherit', 'inherit'] })
  setInterval(() => {}, 60_000)`

/** Starts a process that ends with this one, and prints both ids. */
const owner = `
  const { endWithThisProcess } = await import(${rig('end-with-process')})
  const { spawn } = await import('node:child_process')
  const started = spawn('sleep', ['600'], { stdio: 'ignore' })
  endWithThisProcess(started.pid)
  console.log(process.pid, started.pid)
  setInterval(() => {}, 60_000)`

let ids: number[] = []
afterEach(() => {
  for (const id of ids.filter(isRunning)) process.kill(id, 'SIGKILL')
})

async function start(command: string, args: string[]): Promise<ChildProcess> {
  // In a group of its own: the group of the tests is not what ends it.
  const child = spawn(command, args, { detached: true, stdio: ['ignore', 'pipe', 'inherit'] })
  const [line]: Buffer[] = await once(child.stdout, 'data')
  ids = String(line).trim().split(' ').map(Number)
  expect(ids.filter(isRunning)).toEqual(ids)
  return child
}

const node = (script: string) => ['--input-type=module', '--eval', script]

/** Not a zombie, which the first process of a container may leave for ever. */
function isRunning(id: number): boolean {
  try {
    process.kill(id, 0)
    if (process.platform !== 'linux') return true
    const stat = readFileSync(`/proc/${id}/stat`, 'utf8')
    return !stat.slice(stat.lastIndexOf(')')).startsWith(') Z')
  } catch {
    return false
  }
}

test.each(['SIGINT', 'SIGTERM'] as const)(
  '%s ends a test run with all it started',
  async (signal) => {
    const run = await start(process.execPath, node(testRun()))
    run.kill(signal)
    await expect.poll(() => ids.filter(isRunning), { timeout: 10_000 }).toEqual([])
  },
)

test('a process in a group of its own is left to end by itself', async () => {
  const run = await start(process.execPath, node(testRun(true)))
  run.kill('SIGTERM')
  await expect.poll(() => ids.filter(isRunning), { timeout: 10_000 }).toEqual([ids[2]])
})

test('a test run ends when its parent ends, with all it started', async () => {
  const command = ['-c', '"$0" "$@"; true', process.execPath, ...node(testRun())]
  const shell = await start('/bin/sh', command)
  shell.kill('SIGKILL')
  await expect.poll(() => ids.filter(isRunning), { timeout: 10_000 }).toEqual([])
})

test('a process that is tied to another ends with it, even by SIGKILL', async () => {
  const tied = await start(process.execPath, node(owner))
  tied.kill('SIGKILL')
  await expect.poll(() => ids.filter(isRunning), { timeout: 10_000 }).toEqual([])
})
