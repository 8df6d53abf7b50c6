import { limits } from '../../limits.ts'
import { arabicStem, hebrewStem, koreanStem, stemOf } from './stems.ts'
import { stopPhrases, stopWords } from './stop-words.ts'

/** A word of a text, or a piece of one in a script that writes no spaces. */
export interface Word {
  /** As written, but in lower case and with compatible characters made one (NFKC). */
  written: string
  /** The forms of one word have the same stem. */
  stem: string
  /** How much the word says: roughly, its letters. */
  weight: number
  isPiece: boolean
}

/** The longest message. Recall quotes no more of a reply either. */
const maxChars = limits.messageChars

/** Inside a word they change nothing: invisible characters, the Arabic tatweel, vowel points of Arabic and Hebrew. */
const ignorable =
  /[[\p{Default_Ignorable_Code_Point}\u0640\u0591-\u05c7\u064b-\u065f\u0670]--[\u200b\u200c]]/gv

/** Of a row of marks, no more than 8 count. The marks of Katakana in half width are letters until NFKC. */
const longRow = /([\p{M}\uff9e\uff9f]{8})[\p{M}\uff9e\uff9f]+/gu

type ReadRun = (run: string) => readonly Word[]

/** How the words of a run of one script are found. */
const scripts: readonly [characters: string, read: ReadRun][] = [
  [String.raw`\p{Script=Han}`, hanPieces],
  [String.raw`\p{Script=Hiragana}\u30fc\u3099\u309a`, (run) => pairs(Array.from(run), 1)],
  [String.raw`\p{Script=Katakana}\u30fc\u3099\u309a`, (run) => pairs(Array.from(run), 5)],
  [
    String.raw`\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}`,
    (run) => phrasesOf(run).flatMap((phrase) => pairs(phrase.match(/.\p{M}*/gsu) ?? [], 5)),
  ],
  [String.raw`\p{Script=Hangul}`, (run) => spacedWord(run, koreanStem(run))],
  [String.raw`\p{Script=Arabic}`, (run) => foldedWord(run, arabicStem)],
  [String.raw`\p{Script=Hebrew}`, (run) => foldedWord(run, hebrewStem)],
]
const readers: readonly ReadRun[] = [
  ...scripts.map(([, read]) => read),
  number,
  (run) => foldedWord(run, stemOf),
]
/** The group that matches has the place of its reader. */
const runPattern = new RegExp(
  [
    ...scripts.map(([characters]) => String.raw`([[\p{L}\p{M}\u3007]&&[${characters}]]+)`),
    String.raw`(\p{N}+)`,
    String.raw`([[\p{L}\p{M}]--[${scripts.map(([characters]) => characters).join('')}]]+)`,
  ].join('|'),
  'gv',
)

/** Characters without a space, of one script, and the words in them. */
export interface Run {
  /** Its beginning in the text: about, since NFKC may have moved it. */
  start: number
  written: string
  words: readonly Word[]
}

/** The words of the first 8,000 characters of a text, in order, without those that say nothing. */
export function* wordsOf(text: string): Generator<Word> {
  for (const { words } of runsOf(text)) yield* words
}

/**
 * As `wordsOf`, by runs. The time is linear: Unicode's forms sort a row of marks in quadratic time, so a long row is cut, also
 * where ignorable characters parted it. NFKC makes up to 18 characters of one, so its result is cut too.
 */
export function* runsOf(text: string): Generator<Run> {
  const beginning = text.slice(0, maxChars)
  const plain = cutRows(cutRows(beginning).normalize('NFKC').toLowerCase().slice(0, maxChars))
  const read = new Map<string, readonly Word[]>()
  for (const match of plain.matchAll(runPattern)) {
    const [written] = match
    const words = read.get(written) ?? readers[match.indexOf(written, 1) - 1]!(written)
    read.set(written, words)
    yield { start: Math.floor((match.index * beginning.length) / plain.length), written, words }
  }
}

function cutRows(text: string): string {
  return text.replace(ignorable, '').replace(longRow, '$1')
}

/** Pairs, and each character too: many words have only one. One that stands alone is a word more often. */
function hanPieces(run: string): Word[] {
  return phrasesOf(run).flatMap((phrase) => {
    const characters = Array.from(phrase)
    const weight = characters.length === 1 ? 6 : 3
    return [...pairs(characters, 6), ...characters.map((character) => piece(character, weight))]
  })
}

function phrasesOf(run: string): string[] {
  return run.split(stopPhrases)
}

function pairs(characters: readonly string[], weight: number): Word[] {
  return characters
    .slice(1)
    .map((character, before) => piece(`${characters[before]}${character}`, weight))
}

function piece(written: string, weight: number): Word {
  return { written, stem: written, weight, isPiece: true }
}

/** A number is its own stem, and says much for its length. */
function number(run: string): Word[] {
  const stem = run.replace(/[٠-٩۰-۹]/g, (digit) => String(digit.charCodeAt(0) & 15))
  return [{ written: run, stem, weight: run.length + 5, isPiece: false }]
}

/** A single letter is no word. A syllable of Hangul is one. */
function foldedWord(run: string, cut: (folded: string) => string): Word[] {
  const folded = withoutAccents(run)
  const stem = cut(folded)
  return stopWords.has(folded) || !/../su.test(stem) ? [] : spacedWord(run, stem)
}

function spacedWord(written: string, stem: string): Word[] {
  return [{ written, stem, weight: written.length, isPiece: false }]
}

/** Letters that Unicode does not decompose, or that are written one for the other. */
const twins: Record<string, string> = {
  ß: 'ss',
  æ: 'ae',
  œ: 'oe',
  ø: 'o',
  ł: 'l',
  đ: 'd',
  ı: 'i',
  ς: 'σ',
  ة: 'ه',
  ى: 'ي',
  ی: 'ي',
  ک: 'ك',
}

/** People leave accents out, so "café" is "cafe". Marks of Indic scripts stay: they are vowels. */
function withoutAccents(word: string): string {
  if (/^[a-z]+$/.test(word)) return word
  return word
    .normalize('NFD')
    .replace(/\p{Script=Inherited}/gu, '')
    .replace(/[ßæœøłđıςةىیک]/g, (letter) => twins[letter] ?? letter)
}
