import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { transform } from 'esbuild'
import { expect, inject, test, vi } from 'vitest'
import { startOfflineModel } from '../../scripts/dev/offline-model.ts'
import { createClient, newVisitor } from '../rigs/client.ts'
import { testDatabase } from '../rigs/conversation.ts'
import { callsOf, doomedMessage, until, words } from '../rigs/doomed-turn.ts'
import { startGatedWorker } from '../rigs/gated-worker.ts'
import { beginAndLeave } from '../rigs/leaving-client.ts'
import { expectSound } from '../rigs/stored-session.ts'

const db = testDatabase()
const said = words.join(' ')
/** A lease as short as it may be: here it ends by itself. */
const vars = { TURN_LEASE_MS: '7000', MODEL_TIMEOUT_MS: '30000' }

/** Another build of the Worker: the same source, written out otherwise. */
async function buildAnother(): Promise<string> {
  const folder = inject('workerDir')
  const source = await readFile(join(folder, 'index.js'), 'utf8')
  const { code } = await transform(source, { format: 'esm', minify: false })
  expect(code).not.toBe(source)
  const path = join(folder, 'another-build.js')
  await writeFile(path, code)
  return path
}

test('a reply that a deploy cuts off is kept up to its last checkpoint, and the next turn runs once its lease has ended', async ({
  onTestFinished,
}) => {
  const model = await startOfflineModel()
  onTestFinished(() => model.close())
  const old = await startGatedWorker(model.baseUrl, vars)
  onTestFinished(() => old.close())
  const visitor = await newVisitor(old.url)
  const { session_id } = await visitor.chat({ message: 'Hello' })
  const message = doomedMessage('pace ms=150')
  const body = { session_id, message, message_id: crypto.randomUUID() }
  beginAndLeave(old.url, visitor, body, { accept: 'text/event-stream' })
  await until(() => old.gate.saved !== '')
  const { saved } = old.gate
  await old.kill()

  const script = await buildAnother()
  const deployed = await startGatedWorker(model.baseUrl, vars, { script })
  onTestFinished(() => deployed.close())
  const again = createClient(deployed.url, visitor.token)
  const path = `/v1/sessions/${session_id}/messages`
  const reply = await vi.waitUntil(
    async () => {
      const last = (await again.expect(200, 'GET', path)).data[3]
      return last.status !== 'streaming' && last
    },
    { timeout: 20_000, interval: 250 },
  )
  expect(reply).toMatchObject({ status: 'interrupted' })
  expect(reply.content.startsWith(saved)).toBe(true)
  expect(said.startsWith(reply.content)).toBe(true)
  expect(await again.chat(body)).toMatchObject({ replayed: true, reply })
  expect(callsOf({ message, model })).toHaveLength(1)

  const next = `Next ${crypto.randomUUID()}`
  const { history } = await again.chat({ session_id, message: next })
  expect(history).toHaveLength(6)
  expect(callsOf({ message: next, model })[0]?.messages.slice(-2)).toMatchObject([
    { role: 'assistant', content: reply.content },
    { role: 'user', content: next },
  ])
  await expectSound(db, session_id)
})
