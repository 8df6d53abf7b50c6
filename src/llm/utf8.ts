/** The length of a text in UTF-8. A surrogate without its partner counts as U+FFFD, which takes its place. */
export function utf8Bytes(text: string): number {
  return measure(text, Infinity, 0).bytes
}

/** Lets so many bytes of UTF-8 through, over any number of pieces, and never half a character. */
export function createByteLimit(mostBytes: number) {
  let left = mostBytes
  let last = 0
  return {
    /** The beginning of `text` that is within the limit. */
    take(text: string): string {
      const { units, bytes } = measure(text, left, last)
      left -= bytes
      if (units > 0) last = text.charCodeAt(units - 1)
      return text.slice(0, units)
    },
    /** Begins anew. */
    reset() {
      left = mostBytes
      last = 0
    },
  }
}

/**
 * Counts whole characters up to a number of bytes.
 * @param before the UTF-16 unit before the text
 */
function measure(text: string, mostBytes: number, before: number) {
  let bytes = 0
  let last = before
  for (let units = 0; units < text.length; units += 1) {
    const unit = text.charCodeAt(units)
    const size = bytesOfUnit(unit, last)
    const isHigh = unit >= 0xd800 && unit <= 0xdbff
    // A pair of which only the first half fits does not fit.
    if (bytes + (isHigh ? 4 : size) > mostBytes) return { units, bytes }
    bytes += size
    last = unit
  }
  return { units: text.length, bytes }
}

function bytesOfUnit(unit: number, last: number): number {
  if (unit < 0x80) return 1
  if (unit < 0x800) return 2
  const isPair = unit >= 0xdc00 && unit <= 0xdfff && last >= 0xd800 && last <= 0xdbff
  return isPair ? 1 : 3
}
