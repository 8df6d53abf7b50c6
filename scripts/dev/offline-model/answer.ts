import type { ChatMessage } from './chat-request.ts'

/**
 * What the offline model says to a conversation: a pure function of the messages, so that the same
 * request gets the same answer, and whatever it recalls was in the request. It is no language
 * model, and says so in the first reply of a conversation.
 */
export function answer(messages: readonly ChatMessage[]): string {
  const chat = readChat(messages)
  for (const { asked, say, isBare } of intents) {
    const match = asked.exec(chat.words)
    const text = match && say(chat, match)
    if (!text) continue
    const isFirst = !chat.said.some(({ role }) => role === 'assistant')
    return isFirst && !isBare ? `${text}\n\n${notice}` : text
  }
  return notice
}

const notice =
  'I am the offline model: no language model, but a small program that answers from the messages ' +
  'it is sent. For real answers set `OPENAI_API_KEY` in `.dev.vars` and start again.'

interface Said {
  readonly role: 'user' | 'assistant'
  readonly text: string
  readonly quotation: string | undefined
  /** Its place among the messages of the conversation, from 1. */
  readonly number: number
}

/** Something the visitor told, as it is to be told back: `your name is Ada`. */
interface Fact {
  /** What it is about, as `normalise` spells it: `name`, `favourite colour`, `live`. */
  readonly about: string
  readonly sentence: string
  readonly number: number
}

interface Chat {
  readonly said: readonly Said[]
  readonly facts: readonly Fact[]
  /** The visitor's newest message, without its quotation. */
  readonly words: string
  readonly quotation: string | undefined
}

interface Intent {
  readonly asked: RegExp
  /** Undefined hands the message on to the next intent. */
  readonly say: (chat: Chat, match: RegExpExecArray) => string | undefined
  /** Without the notice, even as a first reply. */
  readonly isBare?: true
}

/** The first that matches and has something to say does so. */
const intents: readonly Intent[] = [
  { asked: /\bwrite\b.{0,20}?\b(\d[\d,]{0,6}) words\b/i, say: sayWords, isBare: true },
  {
    asked:
      /\b(?:show|give|write|send)\b.{0,30}?\b(markdown|heading|nested list|numbered list|list|table|code|quote|link|emphasis|image)s?\b/i,
    say: saySample,
  },
  { asked: /\bhow many messages\b/i, say: sayHowMany },
  { asked: /\bwhat\b.{0,40}\bremember\b|\bwhat do you know\b/i, say: sayFacts },
  {
    asked:
      /\b(?:what|who|which|do you (?:still )?(?:know|remember)|can you (?:recall|tell)|tell me)\b.{0,40}?\b(my|our|the) ([^?.!\n]{1,80})/i,
    say: sayThing,
  },
  { asked: /\b(?:what|which) number\b/i, say: (chat) => recall(chat, ['number']) },
  { asked: /\bwho am I\b/i, say: (chat) => recall(chat, ['name', 'am']) },
  { asked: /\bhow old am I\b/i, say: (chat) => recall(chat, ['age']) },
  { asked: /\b(?:what|where|how) am I\b/i, say: (chat) => recall(chat, ['am']) },
  {
    asked:
      /\bwhat (?:did |have |was )?(I|you|my|your) (?:just )?(?:say|said|ask|asked|write|wrote|tell|told|first|last|previous)\b/i,
    say: sayWhatWasSaid,
  },
  {
    asked: /\b(?:what|who|where|which|when|how)\b.{0,40}?\b(?:do|did) I (\w+)/i,
    say: (chat, [, verb = '']) => recall(chat, [stem(verb)]),
  },
  { asked: /\bhelp\b|\bwhat can (?:you|I)\b/i, say: sayHelp },
  { asked: /^(?:hi|hello|hey|good (?:morning|afternoon|evening))\b.{0,20}$/i, say: sayHello },
  { asked: /^/, say: sayNoted },
  { asked: /^/, say: sayQuotes },
]

function sayThing(chat: Chat, [, owner = '', words = '']: RegExpExecArray): string | undefined {
  const thing = words.replace(/(?: is| are| was| were| again| please| called|,)+$/i, '')
  if (/\b(?:message|question|answer|reply)$/i.test(thing)) return undefined
  const found = recall(chat, [normalise(thing)])
  if (found !== undefined || owner.toLowerCase() === 'the') return found
  return `I do not find your ${thing} in the ${count(chat.said.length, 'message')} that I was sent.`
}

/** The newest fact about one of the subjects, the first subject that has any. */
function recall({ facts, said }: Chat, subjects: readonly string[]): string | undefined {
  const found = subjects
    .flatMap((subject) => [
      facts.findLast(({ about }) => about === subject),
      facts.findLast(({ about }) => ` ${about} `.includes(` ${subject} `)),
    ])
    .find((fact) => fact !== undefined)
  if (!found) return undefined
  const { sentence, number } = found
  return `${capitalise(sentence)}. You told me in message ${number} of the ${said.length} that I was sent.`
}

function sayFacts({ facts, said }: Chat): string {
  if (facts.length === 0) {
    return `You have told me nothing to remember in the ${count(said.length, 'message')} that I was sent.`
  }
  const lines = facts.map(({ sentence, number }) => `- ${sentence} (message ${number})`)
  return `You told me:\n\n${lines.join('\n')}`
}

function sayWhatWasSaid({ said, words }: Chat, [, who = '']: RegExpExecArray): string {
  const isMine = /^you/i.test(who)
  const subject = /\babout (.{1,80}?)[?.!]*$/i.exec(words)?.[1]?.toLowerCase()
  const earlier = said
    .slice(0, -1)
    .filter(({ role }) => (role === 'assistant') === isMine)
    .filter(({ text }) => subject === undefined || text.toLowerCase().includes(subject))
  const found = /\bfirst\b/i.test(words) ? earlier[0] : earlier.at(-1)
  const speaker = isMine ? 'I' : 'you'
  if (!found) {
    const what = subject === undefined ? 'nothing' : `nothing about ${subject}`
    return `Before this ${speaker} said ${what}, in the ${count(said.length, 'message')} that I was sent.`
  }
  return `In message ${found.number} of the ${said.length} that I was sent ${speaker} said:\n\n${quote(found.text)}`
}

function sayHowMany({ said }: Chat): string {
  const mine = said.filter(({ role }) => role === 'assistant').length
  const yours = said.length - mine
  return `I was sent ${count(said.length, 'message')}: ${yours} of yours, this one included, and ${mine} of mine.`
}

function sayHello({ facts }: Chat): string {
  const name = facts.findLast(({ about }) => about === 'name')
  return name ? `Hello again. I remember: ${name.sentence}.` : 'Hello. What shall I remember?'
}

function sayNoted({ facts, said }: Chat): string | undefined {
  const told = facts.filter(({ number }) => number === said.length)
  if (told.length === 0) return undefined
  const sentences = told.map(({ sentence }) => sentence).join('; ')
  return `Noted: ${sentences}. Ask me about it later.`
}

function sayHelp(): string {
  return [
    'Tell me something and ask for it later:',
    '- “My name is Ada.” … “What is my name?”',
    '- “I live in Bern.” … “Where do I live?”',
    '- “Remember the number 42.” … “What number did I tell you?”',
    '- “What did I say first?” · “How many messages?” · “What do you remember?”',
    '- “Show me markdown” · “Show me a table” · “Write 300 words”',
  ].join('\n')
}

function sayQuotes({ said, quotation }: Chat): string {
  const earlier = said.slice(0, -1).findLast(({ role }) => role === 'user')
  return [
    ...(quotation === undefined ? [] : ['You selected:', quote(quotation)]),
    'You said:',
    quote(said.at(-1)?.text ?? ''),
    ...(earlier ? ['Before that you said:', quote(earlier.text)] : []),
    `I was sent ${count(said.length, 'message')} of this conversation.`,
  ].join('\n\n')
}

const samples: Readonly<Record<string, string>> = {
  heading: '# A heading\n\n## A smaller one\n\n### And a third',
  emphasis: 'Some *emphasis*, something **strong**, `code` and ~~what was wrong~~.',
  list: '- apples\n- pears\n- plums',
  'numbered list': '1. wake up\n2. write a test\n3. see it fail',
  'nested list': '- fruit\n  - apples\n  - pears\n    - Williams\n- bread\n  1. rye\n  2. wheat',
  code: "```js\nconst greet = (name) => `Hello, ${name}!`\nconsole.log(greet('Ada')) // 1 < 2 && 3 > 2\n```",
  table: '| planet | moons |\n|---|---:|\n| Earth | 1 |\n| Mars | 2 |\n| Jupiter | 95 |',
  quote: '> A quotation of two lines,\n> which is one paragraph.\n>\n> And a second paragraph.',
  link: 'A [link](https://example.com/) and a bare one: https://example.com/?a=1&b=2',
}

const imageSample = 'An image: ![a cat](https://example.com/cat.png)'

function saySample(_: Chat, [, kind = '']: RegExpExecArray): string | undefined {
  const name = kind.toLowerCase()
  if (name === 'markdown') return Object.values(samples).join('\n\n')
  return name === 'image' ? imageSample : samples[name]
}

const vocabulary =
  'the river carries small boats past quiet gardens while children wave and old bridges keep their shadows cool until evening comes and lamps are lit along both banks'.split(
    ' ',
  )

/** Exactly so many words, in sentences of 12 and paragraphs of 60. */
function sayWords(_: Chat, [, digits = '']: RegExpExecArray): string {
  const total = Math.min(Number(digits.replaceAll(',', '')), 20_000)
  let text = ''
  for (let index = 0; index < total; index += 1) {
    const word = vocabulary[index % vocabulary.length] ?? ''
    const isLast = index % 12 === 11 || index === total - 1
    text += index % 12 === 0 ? capitalise(word) : word
    if (isLast) text += '.'
    if (index < total - 1) text += index % 60 === 59 ? '\n\n' : ' '
  }
  return text
}

function readChat(messages: readonly ChatMessage[]): Chat {
  const said = messages
    .flatMap(({ role, content }) =>
      role === 'user' || role === 'assistant' ? [{ role, content }] : [],
    )
    .map(({ role, content }, index) => {
      const own =
        role === 'user' ? splitQuotation(content) : { text: content, quotation: undefined }
      return { role, number: index + 1, ...own }
    })
  const last = said.findLast(({ role }) => role === 'user')
  return {
    said,
    facts: said.filter(({ role }) => role === 'user').flatMap(readFacts),
    words: straighten(last?.text ?? '').trim(),
    quotation: last?.quotation,
  }
}

/** Quoted lines, with the line that introduces them: `The visitor selected this text:`. */
const quotationPattern = /(?:^[^\n]{1,200}:\n+)?((?:^>.*(?:\n|$))+)/m

/** A message may carry text of the page as a quotation, which is not the visitor's own word. */
function splitQuotation(content: string): { text: string; quotation: string | undefined } {
  const match = quotationPattern.exec(content)
  if (!match) return { text: content, quotation: undefined }
  const [whole, quoted = ''] = match
  const text = content.slice(0, match.index) + content.slice(match.index + whole.length)
  return { text: text.trim(), quotation: quoted.replaceAll(/^> ?/gm, '').trim() }
}

function readFacts({ text, number }: Said): Fact[] {
  return straighten(text)
    .split(/(?<=[.!?])\s+|\n+/)
    .filter((sentence) => !isQuestion.test(sentence))
    .flatMap((sentence) =>
      sentence.split(/(?:,|;)? (?:and|but) (?=my\b|I\b|our\b)|[,;] (?=my\b|I\b)/i),
    )
    .flatMap((clause) => {
      const fact = readFact(clause.trim().replace(/(?<![.!])[.!]+$/, ''))
      return fact ? [{ ...fact, number }] : []
    })
}

const isQuestion =
  /\?$|^(?:what|who|where|when|which|how|do|does|did|can|could|is|are|am|tell|say|show|write)\b/i

type Statement = readonly [
  said: RegExp,
  read: (...groups: string[]) => { readonly about: string; readonly sentence: string },
]

/** From the most particular to the least. */
const statements: readonly Statement[] = [
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
]

function readFact(clause: string) {
  for (const [said, read] of statements) {
    const groups = said.exec(clause)?.slice(1)
    if (groups) return read(...groups.map((group) => clip(group.trim())))
  }
  return undefined
}

/** The visitor's words as said to the visitor. */
function asYou(text: string): string {
  return text
    .replaceAll(/\bI(?: am|'m)\b/gi, 'you are')
    .replaceAll(/\b(?:I|me)\b/g, 'you')
    .replaceAll(/\bmy\b/gi, 'your')
    .replaceAll(/\bmine\b/gi, 'yours')
}

/** One spelling for a subject, so that `favorite color` finds `favourite colour`. */
function normalise(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, ' ')
    .replaceAll(/\b(fav|col|neighb|hon)or/g, '$1our')
    .trim()
}

function stem(verb: string): string {
  return verb.toLowerCase().replace(/(?:e?d|e)$/, '')
}

function straighten(text: string): string {
  return text.replaceAll('’', "'")
}

function quote(text: string): string {
  return clip(text, 400).replaceAll(/^/gm, '> ')
}

function clip(text: string, maxCharacters = 200): string {
  const characters = Array.from(text)
  return characters.length > maxCharacters
    ? `${characters.slice(0, maxCharacters).join('')}…`
    : text
}

function capitalise(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
