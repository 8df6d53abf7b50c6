/**
 * Writes src/turn/tokens/vocabulary.ts from the ranks that gpt-tokenizer ships.
 *
 *     node scripts/build-vocabulary.ts            writes the file
 *     node scripts/build-vocabulary.ts --check    exits with 1 if the file is not what it would write
 */
import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

/** A larger vocabulary counts more exactly and weighs more: 32,768 tokens weigh twice as much. */
const vocabularySize = 16_384
const byteTokens = 256

/** Printable ASCII without the three characters that a string literal may need to escape. */
const digits = Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index))
  .filter((character) => !`"'\\`.includes(character))
  .join('')
const lowDigits = 64
const longDigit = digits.length - 2

const vocabularyFile = new URL('../src/turn/tokens/vocabulary.ts', import.meta.url)

/** The oldest tokens of o200k_base in the order of their rank, one character for each byte. */
export async function readTokens(): Promise<string[]> {
  const file = fileURLToPath(import.meta.resolve('gpt-tokenizer/data/o200k_base.tiktoken'))
  const lines = (await readFile(file, 'latin1')).split('\n').slice(0, vocabularySize)
  return lines.map((line, index) => {
    const [token = '', rank] = line.split(' ')
    if (Number(rank) !== index) throw new Error(`line ${index + 1} has rank ${rank}`)
    return Buffer.from(token, 'base64').toString('latin1')
  })
}

/**
 * The ranks of two older tokens that together are this one. If there are several pairs, this takes the one whose younger
 * half is oldest: small ranks repeat more often, so the file compresses better.
 */
function splitToken(rank: number, token: string, ranks: ReadonlyMap<string, number>) {
  const pairs: [number, number][] = []
  for (let cut = 1; cut < token.length; cut++) {
    const left = ranks.get(token.slice(0, cut))
    const right = ranks.get(token.slice(cut))
    if (left !== undefined && right !== undefined) pairs.push([left, right])
  }
  const best = pairs.toSorted((a, b) => Math.max(...a) - Math.max(...b))[0]
  if (!best || Math.max(...best) >= rank) throw new Error(`rank ${rank} is not two older tokens`)
  return best
}

/**
 * The high part of the rank (in units of 64), then its low part, one digit each. A high part beyond the digits takes two:
 * one of the last two digits, and one more.
 */
function encodeRank(rank: number): string {
  const high = Math.floor(rank / lowDigits)
  const rest = high - longDigit
  const highDigits =
    rest < 0 ? [high] : [longDigit + Math.floor(rest / digits.length), rest % digits.length]
  return [...highDigits, rank % lowDigits].map((digit) => digits.charAt(digit)).join('')
}

/** The text of src/turn/tokens/vocabulary.ts. */
export async function buildVocabulary(): Promise<string> {
  const tokens = await readTokens()
  const ranks = new Map(tokens.map((token, rank) => [token, rank]))
  const pairs = tokens.flatMap((token, rank) =>
    rank < byteTokens ? [] : splitToken(rank, token, ranks).map(encodeRank),
  )
  return `// Made by scripts/build-vocabulary.ts, which says how; read by token-count.ts.

export const digits =
  '${digits}'

/** For each token past the ${byteTokens} single bytes, in the order of rank: the ranks of its two halves. */
export const pairs =
  '${pairs.join('')}'
`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const text = await buildVocabulary()
  if (!process.argv.includes('--check')) await writeFile(vocabularyFile, text)
  else if (text !== (await readFile(vocabularyFile, 'utf8'))) {
    console.error('src/turn/tokens/vocabulary.ts is stale: run node scripts/build-vocabulary.ts')
    process.exitCode = 1
  }
}
