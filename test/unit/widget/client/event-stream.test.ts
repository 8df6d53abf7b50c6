import { expect, test } from 'vitest'
import {
  createEventStreamParser,
  readEventStream,
  type ServerSentEvent,
} from '../../../../src/widget/client/event-stream.ts'

const stream = [
  'event: turn.started\r\nid: 0\r\ndata: {"a":1}\r\n\r\n',
  ': a comment\n\n',
  'data: first line\rdata:second line\r\r',
  'id: 12\nevent: delta\ndata: Grüße, 你好 👋🏽\nretry: 10\nunknown: x\n\n',
  'event: no data\n\n',
  'data\n\n',
  'data: never finished\n',
].join('')

const events: ServerSentEvent[] = [
  { event: 'turn.started', id: '0', data: '{"a":1}' },
  { event: 'message', id: '0', data: 'first line\nsecond line' },
  { event: 'delta', id: '12', data: 'Grüße, 你好 👋🏽' },
  { event: 'message', id: '12', data: '' },
]

test('the parser yields the same events wherever the text is cut into three pieces', () => {
  for (let first = 0; first <= stream.length; first++) {
    for (let second = first; second <= stream.length; second++) {
      const parse = createEventStreamParser()
      const pieces = [stream.slice(0, first), stream.slice(first, second), stream.slice(second)]
      expect(pieces.flatMap(parse)).toEqual(events)
    }
  }
})

test('the reader yields the same events when each byte arrives alone, also inside a character', async () => {
  const bytes = new TextEncoder().encode(`\uFEFF${stream}`)
  let sent = 0
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (sent === bytes.length) controller.close()
      else controller.enqueue(bytes.subarray(sent, ++sent))
    },
  })
  const read: ServerSentEvent[] = []
  for await (const event of readEventStream(body, () => {})) read.push(event)
  expect(read).toEqual(events)
})

test('an event is complete as soon as its blank line arrives', () => {
  const parse = createEventStreamParser()
  expect(parse('data: x\n')).toEqual([])
  expect(parse('\n')).toEqual([{ event: 'message', id: '', data: 'x' }])
})

test('U+2028, U+2029 and U+0085 do not end a line, and an id with NUL is ignored', () => {
  const parse = createEventStreamParser()
  const text = 'a\u2028b\u2029c\u0085d'
  expect(parse(`id: 7\ndata: ${text}\n\nid: 8\0\ndata: y\n\n`)).toEqual([
    { event: 'message', id: '7', data: text },
    { event: 'message', id: '7', data: 'y' },
  ])
})

test('leaving the loop cancels the body', async () => {
  let isCancelled = false
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new TextEncoder().encode('data: x\n\n')),
    cancel: () => {
      isCancelled = true
    },
  })
  for await (const event of readEventStream(body, () => {})) {
    expect(event.data).toBe('x')
    break
  }
  expect(isCancelled).toBe(true)
})
