/** Each name, with its character behind it. */
const names = 'amp& lt< gt> quot" apos\' nbsp\u00a0'

/** An escaped punctuation mark, or a character reference by number or by one of the names that models write. */
export const escapePattern =
  /\\[!-/:-@[-`{-~]|&(?:#\d{1,7}|#[xX][\da-fA-F]{1,6}|amp|lt|gt|quot|apos|nbsp);/y

const escapesPattern = new RegExp(escapePattern, 'g')

/** Replaces escapes and character references by their characters. */
export function unescape(text: string): string {
  return text.replace(escapesPattern, (escape) => {
    if (escape[0] === '\\') return escape.slice(1)
    const name = escape.slice(1, -1)
    if (name[0] !== '#') return names[names.indexOf(name) + name.length]!
    const point = Number(`0${name.slice(1)}`)
    const isCharacter = point > 0 && point < 0x11_0000 && (point < 0xd800 || point > 0xdfff)
    return isCharacter ? String.fromCodePoint(point) : '\ufffd'
  })
}
