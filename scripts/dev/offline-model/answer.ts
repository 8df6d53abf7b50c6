import type { ChatMessage } from './chat-request.ts'
import { type Chat, normalise, type Place, readChat, stem } from './read-chat.ts'
import { everything, placeOf, recall, recallName, reminder } from './recall.ts'
import { sampleOf, writeWords } from './sample-text.ts'
import { capitalise, clip, count, quote } from './wording.ts'

/**
 * The offline model's answer to a conversation. It is a pure function of the messages: the same request gets the same
 * answer, and everything that it recalls was in the request. Its first reply says that it is not a language model.
 * @param clean turns what the visitor wrote into what the visitor said
 */
export function answer(messages: readonly ChatMessage[], clean?: (text: string) => string): string {
  const chat = readChat(messages, clean)
  for (const { asked, say, isBare } of intents) {
    const match = asked.exec(chat.words)
    const text = match && say(chat, match)
    if (!text) continue
    const isFirst =
      chat.recalled.length === 0 && !chat.said.some(({ role }) => role === 'assistant')
    return isFirst && !isBare ? `${text}\n\n${notice}` : text
  }
  return notice
}

const notice =
  'I am the offline model: not a language model, but a small program that answers from the messages ' +
  'that it receives. For real answers, set `OPENAI_API_KEY` in `.dev.vars` and start again.'

interface Intent {
  readonly asked: RegExp
  /** Undefined passes the message to the next intent. */
  readonly say: (chat: Chat, match: RegExpExecArray) => string | undefined
  /** Without the notice, even as a first reply. */
  readonly isBare?: true
}

/** The first intent that matches and has an answer gives it. */
const intents: readonly Intent[] = [
  {
    asked: /\bwrite\b.{0,20}?\b(\d[\d,]{0,6}) words\b/i,
    say: (_, [, digits = '']) => writeWords(Number(digits.replaceAll(',', ''))),
    isBare: true,
  },
  {
    asked:
      /\b(?:show|give|write|send)\b.{0,30}?\b(markdown|heading|nested list|numbered list|list|table|code|quote|link|emphasis|image)s?\b/i,
    say: (_, [, kind = '']) => sampleOf(kind.toLowerCase()),
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
  const found = recall(chat, [normalise(thing)]) ?? recallName(chat, thing)
  if (found !== undefined || owner.toLowerCase() === 'the') return found
  return `I do not find your ${thing} in ${everything(chat)}.`
}

function sayFacts({ facts, said }: Chat): string {
  const sent = facts.flatMap(({ sentence, told }) =>
    'number' in told ? [`- ${sentence} (message ${told.number})`] : [],
  )
  const recalled = facts.flatMap(({ sentence, told }) =>
    'date' in told ? [`- ${sentence} (${told.date})`] : [],
  )
  return [
    sent.length > 0
      ? `You told me:\n\n${sent.join('\n')}`
      : `You have told me nothing to remember in the ${count(said.length, 'message')} that I was sent.`,
    ...(recalled.length > 0
      ? [`In ${reminder}, you told me earlier:\n\n${recalled.join('\n')}`]
      : []),
  ].join('\n\n')
}

function sayWhatWasSaid(chat: Chat, [, who = '']: RegExpExecArray): string {
  const { said, recalled, words } = chat
  const isMine = /^you/i.test(who)
  const subject = /\babout (.{1,80}?)[?.!]*$/i.exec(words)?.[1]?.toLowerCase()
  const earlier: { text: string; place: Place }[] = [
    ...recalled.map(({ date, message, reply }) => ({
      text: isMine ? reply : message,
      place: { date },
    })),
    ...said
      .slice(0, -1)
      .filter(({ role }) => (role === 'assistant') === isMine)
      .map(({ text, number }) => ({ text, place: { number } })),
  ].filter(({ text }) => subject === undefined || text.toLowerCase().includes(subject))
  const found = /\bfirst\b/i.test(words) ? earlier[0] : earlier.at(-1)
  const speaker = isMine ? 'I' : 'you'
  if (!found) {
    const what = subject === undefined ? 'nothing' : `nothing about ${subject}`
    return `Before this ${speaker} said ${what}, in ${everything(chat)}.`
  }
  const place = capitalise(placeOf(found.place, chat)) + ('date' in found.place ? ',' : '')
  return `${place} ${speaker} said:\n\n${quote(found.text)}`
}

function sayHowMany({ said, recalled }: Chat): string {
  const mine = said.filter(({ role }) => role === 'assistant').length
  const yours = said.length - mine
  const sent = `I was sent ${count(said.length, 'message')}: ${yours} of yours, this one included, and ${mine} of mine.`
  if (recalled.length === 0) return sent
  const each = recalled.length
  return `${sent} I was also reminded of ${2 * each} earlier ones: ${each} of yours and ${each} of mine.`
}

function sayHello(chat: Chat): string {
  const name = chat.facts.findLast(({ about }) => about === 'name')
  if (!name) return 'Hello. What shall I remember?'
  const place = 'date' in name.told ? ` (${placeOf(name.told, chat)})` : ''
  return `Hello again. I remember: ${name.sentence}${place}.`
}

function sayNoted({ facts, said }: Chat): string | undefined {
  const noted = facts.filter(({ told }) => 'number' in told && told.number === said.length)
  if (noted.length === 0) return undefined
  const sentences = noted.map(({ sentence }) => sentence).join('; ')
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
    '- `[[fault thinking]]` · `[[fault finish reason=length]]` · `[[fault finish reason=error]]` · `[[fault stall]]`',
  ].join('\n')
}

function sayQuotes({ said, recalled, quotation }: Chat): string {
  const earlier = said.slice(0, -1).findLast(({ role }) => role === 'user')
  const lines = recalled.map(({ date, message }) => `${date}: ${clip(message, 80)}`)
  return [
    ...(quotation === undefined ? [] : ['You selected:', quote(quotation)]),
    'You said:',
    quote(said.at(-1)?.text ?? ''),
    ...(earlier ? ['Before that you said:', quote(earlier.text)] : []),
    ...(lines.length > 0 ? ['I was reminded that you said:', quote(lines.join('\n'))] : []),
    `I was sent ${count(said.length, 'message')} of this conversation.`,
  ].join('\n\n')
}
