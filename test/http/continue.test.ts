import { expect, test } from 'vitest'
import { continueRequest } from '../../src/turn/continue/request.ts'
import { useRig } from '../rigs/start-rig.ts'

const { rig, visitor } = useRig()

const poem = 'The river is quiet in the morning, and the reeds stand still until the wind comes up.'

/** A turn whose reply breaks off after some words. */
async function cutOff(directives: string, reply = poem) {
  const turn = {
    message: `${directives} [[reply ${JSON.stringify(reply)}]]`,
    message_id: crypto.randomUUID(),
  }
  const { session_id, reply: cut } = await visitor.chat(turn)
  return {
    turn: { ...turn, session_id },
    cut,
    continued: { ...turn, session_id, continue: cut.id },
  }
}

test('a reply that broke off is continued in its place, and nothing is said twice', async () => {
  const { cut, continued } = await cutOff('[[fault cut after=5]]')
  expect(cut).toMatchObject({ status: 'interrupted', content: 'The river is quiet in' })
  const { reply, history } = await visitor.chat(continued)
  expect(reply).toMatchObject({
    id: cut.id,
    seq: 2,
    content: poem,
    status: 'complete',
    finish_reason: 'stop',
  })
  expect(history).toHaveLength(2)
  expect(rig.model.requests.at(-1)?.messages.slice(-3)).toEqual([
    { role: 'user', content: continued.message },
    { role: 'assistant', content: 'The river is quiet in' },
    { role: 'user', content: continueRequest },
  ])
})
