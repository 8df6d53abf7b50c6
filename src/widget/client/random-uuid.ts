/** A random UUID (version 4). Pages without TLS lack `crypto.randomUUID`. */
export function randomUuid(): string {
  if (crypto.randomUUID) return crypto.randomUUID()
  // Each x becomes 4 random bits, and y 2 of them after the bits of the variant.
  return 'xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx'.replace(/[xy]/g, (place) => {
    const bits = crypto.getRandomValues(new Uint8Array(1))[0]! & 15
    return (place === 'x' ? bits : (bits & 3) | 8).toString(16)
  })
}
