import { limits } from '../../limits.ts'
import { stopWords } from './stop-words.ts'

/** A word of a text, or a piece of one in a script without spaces. */
export interface Word {
  /** As written, but in lower case and with compatible characters made one (NFKC). */
  written: string
  /** What a term is made of: words with one stem are the same word. */
  stem: string
  /** How much it says: the letters of a word. */
  weight: number
}

/** The longest message. Recall quotes no more of a reply either. */
const maxChars = limits.messageChars

/** Characters that belong to no word, but may stand inside one. A zero-width space and non-joiner part words. */
const ignorable = /[[\p{Default_Ignorable_Code_Point}\u0640]--[\u200b\u200c]]/gv

/** Runs of Chinese and Japanese, of the scripts of South-East Asia, of digits, of the letters of other scripts. */
const runs =
  /(?<cjk>[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\u30fc\u3099\u309a]+)|(?<asian>[[\p{L}\p{M}]&&[\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]]+)|(?<digits>\p{N}+)|[[\p{L}\p{M}]--[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}\u30fc\u3099\u309a]]+/gv

/**
 * The words of the first 8,000 characters of a text, in order, without those that say nothing. The time is linear: NFKC
 * sorts a row of marks in quadratic time, so no more than 8 of them count, and makes up to 18 characters of one, so its
 * result is cut.
 */
export function* wordsOf(text: string): Generator<Word> {
  const plain = text
    .slice(0, maxChars)
    .replace(/(\p{M}{8})\p{M}+/gu, '$1')
    .normalize('NFKC')
    .toLowerCase()
    .replace(ignorable, '')
    .slice(0, 1.25 * maxChars)
  for (const { 0: run, groups = {} } of plain.matchAll(runs)) {
    if (groups.cjk !== undefined) yield* pieces(run, 2, cjkWeight)
    else if (groups.asian !== undefined) yield* pieces(run, 3, () => 2)
    else if (groups.digits !== undefined) yield number(run)
    else {
      const word = foldedWord(run)
      if (word) yield word
    }
  }
}

function* pieces(run: string, size: number, weigh: (piece: string) => number): Generator<Word> {
  const characters = Array.from(run)
  for (let end = Math.min(size, characters.length); end <= characters.length; end++) {
    const piece = characters.slice(Math.max(end - size, 0), end).join('')
    yield { written: piece, stem: piece, weight: weigh(piece) }
  }
}

function cjkWeight(pair: string): number {
  return /^\p{Script=Hiragana}+$/v.test(pair) ? 1 : 5
}

function number(run: string): Word {
  const stem = run.replace(/[٠-٩۰-۹]/g, (digit) => String(digit.charCodeAt(0) & 15))
  return { written: run, stem, weight: run.length }
}

function foldedWord(run: string): Word | undefined {
  const folded = /^[a-z]+$/.test(run) ? run : fold(run)
  if (stopWords.has(folded)) return undefined
  const [stem] = /^.{2,4}/su.exec(folded) ?? []
  return stem === undefined ? undefined : { written: run, stem, weight: folded.length }
}

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

/** A word without accents, so that "café" is "cafe": people leave them out. Marks of Indic scripts stay: they are vowels. */
function fold(word: string): string {
  return word
    .normalize('NFD')
    .replace(/[\p{Script=Inherited}\u0591-\u05c7]/gv, '')
    .normalize('NFC')
    .replace(/[ßæœøłđıςةىیک]/g, (letter) => twins[letter] ?? letter)
}
