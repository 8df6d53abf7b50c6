/**
 * Makes a model's chunks storable, one by one: NUL and lone surrogates become U+FFFD. A surrogate pair that was split
 * over two chunks is joined, so no chunk that leaves here ends inside a character.
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
    /** What was held back, once nothing follows. */
    flush(): string {
      const rest = cleanText(held)
      held = ''
      return rest
    },
  }
}

/** NUL and lone surrogates, which no database stores, become U+FFFD. */
export function cleanText(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\uFFFD')
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff
}
