import { expect, test } from 'vitest'
import { useRig } from '../rigs/start-rig.ts'

const { visitor } = useRig()

test.each([
  'no-usage',
  'not-streamed',
  'empty-deltas',
  'one-chunk',
  'cr-only',
  'split-utf8',
  'surrogates',
  'nul',
  'chunks n=500',
])(
  'an odd stream of the model is a complete reply, streamed as it is stored: %s',
  async (fault) => {
    const events = await visitor.stream({ message: `[[fault ${fault}]] write 40 words` })
    const text = events.map(({ event, data }) => (event === 'delta' ? data.text : '')).join('')
    const path = `/v1/sessions/${events[0]?.data.session_id}/messages`
    const [, reply] = (await visitor.expect(200, 'GET', path)).data
    expect(reply).toMatchObject({ status: 'complete', finish_reason: 'stop', content: text })
    expect(text.isWellFormed() && !text.includes('\0')).toBe(true)
    expect(events.at(-1)).toMatchObject({ event: 'turn.completed', data: { reply } })
    expect('usage' in reply).toBe(fault !== 'no-usage')
  },
)

test('a reply that the limit of tokens ended is complete, with finish_reason length', async () => {
  const { reply } = await visitor.chat({ message: 'write 3000 words' })
  expect(reply).toMatchObject({ status: 'complete', finish_reason: 'length' })
  expect(reply.usage?.completion_tokens).toBe(1_024)
})

test('a busy model passes its Retry-After on', async () => {
  const body = { message: '[[fault status=429 retry-after=7]] Hello' }
  const response = await visitor.request('POST', '/v1/chat', body)
  expect(response.headers.get('retry-after')).toBe('7')
  expect(await response.json()).toMatchObject({ retry_after: 7 })
})
