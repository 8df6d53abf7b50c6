import { expect, test } from 'vitest'
import { schemaVersion } from '../../src/db/schema.ts'
import { testDatabase } from '../rigs/conversation.ts'
import { presentCalls, releasedCallsFile, releases, replay } from '../rigs/released-calls.ts'

const db = testDatabase()

/**
 * A Worker that was deployed before a migration keeps working after it (migrations/README.md has the rule). The calls of
 * the present Worker are recorded under its schema version, so that the next schema is tested with them.
 */
test("the present Worker's calls are recorded", async () => {
  const calls = `${JSON.stringify(await presentCalls(db), null, 2)}\n`
  await expect(calls).toMatchFileSnapshot(releasedCallsFile(schemaVersion).pathname)
})

test.each(await releases())('a turn by the calls of %s runs on this schema', async (_, calls) => {
  const send = replay(db, calls)
  const text = async (name: Parameters<typeof send>[0]) => JSON.stringify(await send(name))
  expect(await text('begin')).toMatch(/"verdict":"(new|run)"/)
  await send('checkpoint')
  expect(await text('history')).toMatch(/"content":"Hi".*"current_status":"streaming"/)
  expect(await text('finish')).toMatch(/"content":"Hi there"/)
  const [message, reply] = await send('history').then((rows) => rows.slice(-2))
  expect(message).toMatchObject({ seq: 1, content: 'Hello', current_status: 'complete' })
  expect(reply).toMatchObject({
    seq: 2,
    content: 'Hi there',
    current_status: 'complete',
    finish_reason: 'stop',
    prompt_tokens: 20,
  })
  // Repeated, the turn is replayed: nothing runs twice.
  expect(await text('begin')).toMatch(/"verdict":"replay"/)
})
