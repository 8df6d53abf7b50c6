import type { TurnBody } from './session.ts'

/** Texts that a visitor may select on a page, and how the model is shown each. */
export const quotations: Record<string, string> = {
  'A line.': '> A line.',
  'Two\r\nlines': '> Two\n> lines',
  'a\rb\u2028c\u2029\nd': '> a\n> b\n> c\n> \n> d',
}

/** A message as the model is shown it. */
export function shown({ message, context_text: selected }: TurnBody): string {
  if (selected === undefined) return message
  const quoted = quotations[selected]
  return `The visitor selected this text on the page:\n\n${quoted}\n\n${message}`
}
