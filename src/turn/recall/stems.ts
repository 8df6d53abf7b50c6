/**
 * The first four letters, which most endings leave alone: "camera" and "cameras", "bestellen" and "Bestellung". A word
 * of four letters may end with its ending: "dogs", or "baby" and "babies".
 */
export function stemOf(word: string): string {
  const singular = word.length === 4 ? word.replace(/([^s])s$/, '$1') : word
  return (/^.{1,4}/su.exec(singular)?.[0] ?? '').replace(/y$/, 'i')
}

/** A Korean word ends with a particle, often after two syllables. */
export function koreanStem(word: string): string {
  return word.slice(0, 2)
}

/** The article is a part of the word in Arabic and in Hebrew. */
export function arabicStem(word: string): string {
  const noun = word.replace(/^(?:[وبكف]?ال|لل)(?=..)/, '')
  return noun.length === 4 ? noun.replace(/[يهاكت]$/, '') : noun.slice(0, 4)
}

export function hebrewStem(word: string): string {
  return word.replace(/^ה(?=..)/, '').slice(0, 4)
}
