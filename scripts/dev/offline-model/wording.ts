export function clip(text: string, maxCharacters = 200): string {
  const characters = Array.from(text)
  return characters.length > maxCharacters
    ? `${characters.slice(0, maxCharacters).join('')}…`
    : text
}

/** A Markdown quotation of the first 400 characters. */
export function quote(text: string): string {
  return clip(text, 400).replaceAll(/^/gm, '> ')
}

export function capitalise(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** `1 message`, `2 messages`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
