/** A pass for a model's chunks that leaves out what the text before them says already. */
export interface SeamFilter {
  /** Returns the text that is certain to be new. */
  push(chunk: string): string
  /**
   * Returns the rest of the text that was held back, once no chunk follows. If the model was cut off, what may still be a
   * repetition is left out.
   * @param finishReason absent if the model was cut off
   */
  flush(finishReason: string | undefined): string
}

/** A repetition begins in so much of the text's end, or at its beginning. */
const tailChars = 4_000
/** The fewest letters and digits of a repetition. Less is chance: a text often goes on with a word such as "a". */
const fewestLetters = 3
/** From so many on, a single word is a repetition even if white space comes first. */
const manyLetters = 8
/** After a line break, and no blank line, so much is a repetition. */
const manyLineChars = 40
/** The fewest characters of a repetition in code or a table, which have few letters; without white space. */
const fewestSigns = 3
/** A restart that ends before the end of the text is left out if it is at least so long. */
const restartChars = 32

/**
 * Removes the seam of a text that a model was asked to continue: the last words of the text, if the model says them again,
 * or all of it, if the model begins again. White space may differ, and an ellipsis may come first. A continuation
 * that repeats nothing is passed unchanged. It holds back only text that may still be a repetition.
 * @param text as the model was sent it; each chunk must consist of whole characters
 */
export function createSeamFilter(text: string): SeamFilter {
  const before = collapse(text)
  const endSpace = text.slice(text.trimEnd().length)
  const said = collapser()
  /** The places of `before` at which the repetition may have begun. */
  let places: number[] | undefined
  /** The place at which it has begun, if it is whole. */
  let begun: number | undefined
  let held = ''
  /** The length of what comes before the repetition: undefined until it is known. */
  let lead: number | undefined
  let isOpen = before !== ''

  function compare(known: number, piece: string): void {
    places = (places ?? placesOf(before)).filter((place) => {
      const rest = before.length - place
      if (said.length <= rest) return before.startsWith(piece, place + known)
      if (before.slice(place + known) === said.text.slice(known, rest)) end(place)
      return false
    })
  }

  /** The text has been said again from this place to its end. Of several places, the first has the longest repetition. */
  function end(place: number): void {
    if (begun !== undefined && begun < place) return
    const next = said.text[before.length - place]
    const isInWord = next !== undefined && next !== ' '
    if (isInWord && endSpace !== '') return
    const repeated = before.slice(place)
    const isApart = /^\s/.test(held) || lead !== 0
    // A list or a table may go on with a line like its last one.
    const isNewLine = endSpace === '' && /^[^\S\n]*\n[^\S\n]*\S/.test(held)
    if (isNewLine ? repeated.length >= manyLineChars : isRepetition(repeated, isApart))
      begun = place
  }

  function settle(): string {
    isOpen = false
    if (begun === undefined) return held
    const rest = held.slice(rawLength(held, lead ?? 0, before.length - begun))
    const space = /^\s*/.exec(rest)![0]
    if (space.startsWith(endSpace)) return rest.slice(endSpace.length)
    return space.includes('\n') && !endSpace.includes('\n') ? rest : rest.slice(space.length)
  }

  return {
    push(chunk) {
      if (!isOpen) return chunk
      held += chunk
      const known = said.length
      let piece: string
      if (lead === undefined) {
        if (chunk.trim() === '' && held.length > chunk.length) return ''
        lead = leadOf(held)
        if (lead === undefined) return ''
        piece = said.add(held.slice(lead))
      } else piece = said.add(chunk)
      if (piece !== '') compare(known, piece)
      return places?.length === 0 ? settle() : ''
    },
    flush(finishReason) {
      if (!isOpen) return ''
      const unsaid = places ?? []
      for (const place of unsaid) if (said.text.length === before.length - place) end(place)
      // A model that says it has finished has not begun again: the text has a refrain.
      const isRestart = finishReason === 'length' && unsaid[0] === 0 && said.length >= restartChars
      const isCut = finishReason === undefined && unsaid.length > 0
      if (begun === undefined && (isRestart || isCut)) held = ''
      return settle()
    },
  }
}

/** Makes each white space one space, and none of that at the beginning and the end. */
function collapse(text: string): string {
  const collapsed = collapser()
  collapsed.add(text)
  return collapsed.text
}

/** The same for a text that arrives in pieces. */
function collapser() {
  let isSpaced = false
  const collapsed = {
    text: '',
    length: 0,
    add(piece: string): string {
      let more = ''
      for (const [run] of piece.matchAll(/\s+|\S+/g)) {
        const isSpace = run.trim() === ''
        if (!isSpace) more += isSpaced && collapsed.length + more.length > 0 ? ` ${run}` : run
        isSpaced = isSpace
      }
      collapsed.text += more
      collapsed.length += more.length
      return more
    },
  }
  return collapsed
}

/** The length of a text whose collapsed form, after `lead`, has this length. */
function rawLength(text: string, lead: number, length: number): number {
  let left = length
  let index = lead
  for (const [run] of text.slice(lead).matchAll(/\s+|\S+/g)) {
    const isSpace = run.trim() === ''
    if (!isSpace && run.length >= left) return index + left
    if (!isSpace || index > lead) left -= isSpace ? 1 : run.length
    index += run.length
  }
  return index
}

/** The length of an ellipsis at the beginning; undefined while more text may make it one. */
function leadOf(text: string): number | undefined {
  if (/^\s*(?:\.{0,2}|(?:…|\.{3})\s*)$/.test(text)) return undefined
  return /^\s*(?:…|\.{3})\s*(?=[^.])/.exec(text)?.[0].length ?? 0
}

const wordCharacter = /[\p{L}\p{N}\p{M}]/u
/** Scripts that write no spaces: a word may begin at any character. */
const unspaced =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u

/** The beginnings of words near the end of the text, and its own. */
function placesOf(text: string): number[] {
  const places = [0]
  const start = Math.max(0, text.length - tailChars)
  let place = start
  let last = ''
  for (const character of text.slice(start)) {
    const isInside = wordCharacter.test(last) && wordCharacter.test(character)
    const isStart = !isInside || (unspaced.test(character) && !/\p{M}/u.test(character))
    if (place > start && character !== ' ' && isStart) places.push(place)
    last = character
    place += character.length
  }
  return places
}

/** Whether a text is long enough not to be said twice by chance. */
function isRepetition(text: string, isApart: boolean): boolean {
  const beginning = text.slice(0, 200)
  const letters = beginning.match(/[\p{L}\p{N}]/gu)?.length ?? 0
  const signs = beginning.replace(/\s+/g, '').length
  if (letters < fewestLetters) return !isApart && signs >= fewestSigns && beginning.includes(' ')
  const words = beginning.match(/[\p{L}\p{N}\p{M}]+/gu)?.length ?? 0
  const isPhrase = words > 1 || (unspaced.test(beginning) && letters > fewestLetters)
  return isPhrase || letters >= manyLetters || !isApart
}
