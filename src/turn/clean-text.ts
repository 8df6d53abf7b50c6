/**
 * Makes a model's chunks storable, one by one: NUL and lone surrogates become U+FFFD. A surrogate pair that is split over
 * two chunks is joined, so that no cleaned chunk ends inside a character.
 */
export function createTextCleaner() {
  let held = ''
  return {
    push(chunk: string): string {
      const text = held + chunk
      const cut = isHighSurrogate(text.charCodeAt(text.length - 1)) ? text.length - 1 : text.length
      held = text.slice(cut)
      return cleanText(text.slice(0, cut))
    },
    /** Returns the text that was held back, once no chunk follows. */
    flush(): string {
      const rest = cleanText(held)
      held = ''
      return rest
    },
  }
}

/** Replaces NUL and lone surrogates, which Postgres cannot store, by U+FFFD. */
export function cleanText(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\uFFFD')
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff
}
