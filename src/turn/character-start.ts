/** A place in the text, or the one before it if it is inside a surrogate pair. */
export function characterStart(text: string, place: number): number {
  return place > 0 && (text.charCodeAt(place) & 0xfc00) === 0xdc00 ? place - 1 : place
}
