import { type Chat, normalise, type Place } from './read-chat.ts'
import { capitalise, count } from './wording.ts'

/** The quotation of earlier turns, in the words of an answer. */
export const reminder = 'what I was reminded of'

/** The newest fact about the first of these subjects that has one. */
export function recall(chat: Chat, subjects: readonly string[]): string | undefined {
  const { facts } = chat
  const found = subjects
    .flatMap((subject) => [
      facts.findLast(({ about }) => about === subject),
      facts.findLast(({ about }) => ` ${about} `.includes(` ${subject} `)),
    ])
    .find((fact) => fact !== undefined)
  return found && `${capitalise(found.sentence)}. You told me ${placeOf(found.told, chat)}.`
}

/** Such as `in message 1 of the 3 that I was sent`. */
export function placeOf(place: Place, { said }: Chat): string {
  return 'date' in place
    ? `on ${place.date}, in ${reminder}`
    : `in message ${place.number} of the ${said.length} that I was sent`
}

/** All that the request held, as a place in which something is missing. */
export function everything({ said, recalled }: Chat): string {
  const sent = `the ${count(said.length, 'message')} that I was sent`
  return recalled.length === 0 ? sent : `${sent}, or in ${reminder}`
}

/** `my dog's name` is also what `my dog is called Rex` and `I have a dog called Rex` say. */
export function recallName(chat: Chat, thing: string): string | undefined {
  const owner = /^(.+?)(?:'s name| named)$/i.exec(thing)?.[1]
  const called = chat.facts.filter(({ sentence }) => / (?:called|named) /i.test(sentence))
  const named = chat.facts.flatMap((fact) => fact.named.map((each) => ({ ...fact, ...each })))
  const told = owner && recall({ ...chat, facts: called }, [normalise(owner)])
  return told || recall({ ...chat, facts: named }, [normalise(owner ?? thing)])
}
