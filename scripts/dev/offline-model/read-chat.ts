import type { ChatMessage } from './chat-request.ts'
import { type QuotedTurn, splitReminder } from './reminder.ts'
import { clip } from './wording.ts'

interface Said {
  readonly role: 'user' | 'assistant'
  readonly text: string
  readonly quotation: string | undefined
  /** Its place in the conversation, from 1. */
  readonly number: number
}

/** A fact from the visitor, in the words of the answer: `your name is Ada`. */
interface Fact extends Statement {
  readonly told: Place
  /** The names that it gives to what the visitor has: `I have a cat called Minka`. */
  readonly named: readonly Statement[]
}

interface Statement {
  /** Its subject, as `normalise` spells it: `name`, `favourite colour`, `live`. */
  readonly about: string
  readonly sentence: string
}

/** The place of a text: in a message of this conversation, or in the quotation of an earlier turn of that day. */
export type Place = { readonly number: number } | { readonly date: string }

export interface Chat {
  readonly said: readonly Said[]
  /** Turns from before these messages, of which the prompt reminds; oldest first. */
  readonly recalled: readonly QuotedTurn[]
  /** Oldest first, those of the recalled turns before the others. */
  readonly facts: readonly Fact[]
  /** The visitor's newest message, without its quotation. */
  readonly words: string
  readonly quotation: string | undefined
}

/**
 * Reads a conversation: its messages, the earlier turns that its newest message quotes, and the facts that the visitor may
 * ask for later.
 * @param clean turns what the visitor wrote into what the visitor said
 */
export function readChat(
  messages: readonly ChatMessage[],
  clean: (text: string) => string = (text) => text,
): Chat {
  const newest = messages.findLastIndex(({ role }) => role === 'user')
  const { recalled, message } = splitReminder(messages[newest]?.content ?? '')
  const said = messages
    .flatMap(({ role, content }, index): Omit<Said, 'number'>[] => {
      if (role === 'assistant') return [{ role, text: content, quotation: undefined }]
      if (role !== 'user') return []
      return [{ role, ...splitQuotation(clean(index === newest ? message : content)) }]
    })
    .map((item, index) => ({ ...item, number: index + 1 }))
  const last = said.findLast(({ role }) => role === 'user')
  return {
    said,
    recalled,
    facts: [
      ...recalled
        .toSorted((one, other) => one.date.localeCompare(other.date))
        .flatMap((turn) => readFacts(clean(turn.message), { date: turn.date })),
      ...said
        .filter(({ role }) => role === 'user')
        .flatMap(({ text, number }) => readFacts(text, { number })),
    ],
    words: straighten(last?.text ?? '').trim(),
    quotation: last?.quotation,
  }
}

/** Quoted lines, with the line before them that introduces them: `The visitor selected this text:`. */
const quotationPattern = /(?:^[^\n]{1,200}:\n+)?((?:^>.*(?:\n|$))+)/m

/** A message may contain a quotation of the page, which the visitor did not write. */
function splitQuotation(content: string): { text: string; quotation: string | undefined } {
  const match = quotationPattern.exec(content)
  if (!match) return { text: content, quotation: undefined }
  const [whole, quoted = ''] = match
  const text = content.slice(0, match.index) + content.slice(match.index + whole.length)
  return { text: text.trim(), quotation: quoted.replaceAll(/^> ?/gm, '').trim() }
}

function readFacts(text: string, told: Place): Fact[] {
  return straighten(text)
    .split(/(?<=[.!?])\s+|\n+/)
    .filter((sentence) => !isQuestion.test(sentence))
    .flatMap((sentence) =>
      sentence.split(/(?:,|;)? (?:and|but) (?=my\b|I\b|our\b)|[,;] (?=my\b|I\b)/i),
    )
    .flatMap((clause) => {
      const words = clause.trim().replace(/(?<![.!])[.!]+$/, '')
      const fact = readFact(words)
      return fact ? [{ ...fact, told, named: readNamed(words) }] : []
    })
}

const isQuestion =
  /\?$|^(?:what|who|where|when|which|how|do|does|did|can|could|is|are|am|tell|say|show|write)\b/i

/** From the most specific to the least specific. */
const statements: readonly (readonly [said: RegExp, read: (...groups: string[]) => Statement])[] = [
  [
    /\b(?:[Cc]all me|[Mm]y name(?: is|'s)|I(?: am|'m) called|I(?: am|'m)(?= \p{Lu}[\p{L}-]+$)) (.+)/u,
    (name) => ({ about: 'name', sentence: `your name is ${name}` }),
  ],
  [
    /\b(?:my|our) (.{1,60}?) (is|are|was|were) (.+)/i,
    (thing, verb, value) => ({
      about: normalise(thing ?? ''),
      sentence: `your ${thing} ${verb} ${asYou(value ?? '')}`,
    }),
  ],
  [/\bI(?: am|'m) (\d+ years? old|\d+$)/i, (age) => ({ about: 'age', sentence: `you are ${age}` })],
  [/\bI(?: am|'m) (.+)/i, (value) => ({ about: 'am', sentence: `you are ${asYou(value ?? '')}` })],
  [
    /\bI ((?:live|work|study|studie|come|like|love|hate|prefer|have|own|drive|play|speak|want|need|park)(?:e?d)?) (.+)/i,
    (verb, rest) => ({ about: stem(verb ?? ''), sentence: `you ${verb} ${asYou(rest ?? '')}` }),
  ],
  [
    /\bthe (.{1,60}?) (is|are|was|were) (.+)/i,
    (thing, verb, value) => ({
      about: normalise(thing ?? ''),
      sentence: `the ${thing} ${verb} ${asYou(value ?? '')}`,
    }),
  ],
  [
    /\b(?:remember|don't forget)(?: that|:)? (.+)/i,
    (note) => ({
      about: normalise(note ?? ''),
      sentence: `you asked me to remember ${asYou(note ?? '')}`,
    }),
  ],
  [
    /\b(?:we have|(?:I|we)(?: have|'ve) got) (.+ (?:called|named) .+)/i,
    (rest) => ({ about: stem('have'), sentence: `you have ${asYou(rest ?? '')}` }),
  ],
]

function readFact(clause: string) {
  for (const [said, read] of statements) {
    const groups = said.exec(clause)?.slice(1)
    if (groups) return read(...groups.map((group) => clip(group.trim())))
  }
  return undefined
}

const having = /\b(?:I|we)(?: have| own|'ve)(?: got)? (.+)/i

/** Such as `a cat called Minka` and `two dogs named Rex and Rolf`; several may follow one another. */
const namedThing =
  /\b(an?|one|\d+|two|three|four|five) ((?:(?! and an? )[^,;]){1,60}?) (?:called|named) ([^,;(]+?)(?=$|[,;(]| (?:and|but) (?:an?|one|\d+|two|three|four|five|she|he|it|they)\b| (?:who|which|that|is|are)\b)/gi

function readNamed(clause: string): Statement[] {
  const [, things = ''] = having.exec(clause) ?? []
  return Array.from(things.matchAll(namedThing), ([, number = '', thing = '', name = '']) => {
    const isOne = /^(?:an?|one)$/i.test(number)
    return {
      about: normalise(thing),
      sentence: clip(`your ${thing} ${isOne ? 'is' : 'are'} called ${name.trim()}`),
    }
  })
}

/** The visitor's words, turned from the first to the second person. */
function asYou(text: string): string {
  return text
    .replaceAll(/\bI(?: am|'m)\b/gi, 'you are')
    .replaceAll(/\b(?:I|me)\b/g, 'you')
    .replaceAll(/\bmy\b/gi, 'your')
    .replaceAll(/\bmine\b/gi, 'yours')
}

/** One spelling for a subject: `favorite color` finds `favourite colour`. */
export function normalise(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, ' ')
    .replaceAll(/\b(fav|col|neighb|hon)or/g, '$1our')
    .trim()
}

/** `lived` and `live` are the same. */
export function stem(verb: string): string {
  return verb.toLowerCase().replace(/(?:e?d|e)$/, '')
}

function straighten(text: string): string {
  return text.replaceAll('’', "'")
}
