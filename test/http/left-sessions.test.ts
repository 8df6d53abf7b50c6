import { afterAll, describe, expect, test, vi } from 'vitest'
import { type Client, createClient, newVisitor, parseEvents } from '../rigs/client.ts'
import { type Login, startLogin } from '../rigs/login.ts'
import { useRig } from '../rigs/start-rig.ts'

let login: Login
const { rig } = useRig(async () => {
  login = await startLogin()
  return login.vars
})
afterAll(() => login.close())

const checkpoints = () => rig.database.calls.filter(({ body }) => body.includes('checkpoint_turn'))

/** A reply that is being written, and whose client reads on. */
async function longReply(client: Client) {
  const response = await client.request(
    'POST',
    '/v1/chat',
    { message: '[[fault pace ms=50]] write 200 words' },
    { accept: 'text/event-stream' },
  )
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  const { value } = await reader.read()
  const { session_id, reply_id } = parseEvents(new TextDecoder().decode(value))[0]?.data ?? {}
  const session = `/v1/sessions/${session_id}`
  return { reader, session, path: `${session}/messages/${reply_id}/stream` }
}

async function statusOfJoin(client: Client, path: string): Promise<number> {
  const joined = await client.request('GET', path)
  await joined.body?.cancel()
  return joined.status
}

describe('a reply that is being written', () => {
  test('can be joined by the user who claimed its session, and no more by the visitor', async () => {
    const visitor = await newVisitor(rig.url)
    const user = createClient(rig.url, await login.sign())
    const { reader, path } = await longReply(visitor)
    expect(await statusOfJoin(visitor, path)).toBe(200)
    expect(await statusOfJoin(user, path)).toBe(404)
    await user.expect(200, 'POST', '/v1/sessions/claim', { visitor_token: visitor.token })
    expect(await statusOfJoin(visitor, path)).toBe(404)
    expect(await statusOfJoin(user, path)).toBe(200)
    await reader.cancel()
  })

  test.each([
    ['its session is erased', (session: string) => ['DELETE', session] as const],
    ['all sessions of its user are erased', () => ['DELETE', '/v1/me'] as const],
  ])('cannot be joined any more once %s, and its model is stopped', async (_, request) => {
    const visitor = await newVisitor(rig.url)
    const { reader, session, path } = await longReply(visitor)
    await visitor.expect(204, ...request(session))
    expect(await statusOfJoin(visitor, path)).toBe(404)
    await vi.waitFor(() => expect(rig.model.requests.at(-1)?.aborted).toBe(true), 10_000)
    // The object was told. A turn without one learns of it at its first checkpoint.
    const isTold = process.env['TEST_LIVE_REPLIES'] !== 'off'
    expect(checkpoints().length === 0).toBe(isTold)
    await reader.cancel()
  })
})
