/** A user's message as the model is sent it: text that the visitor selected comes before it, as a quotation. */
export function renderMessage(message: string, contextText: string | null | undefined): string {
  if (contextText == null) return message
  const quotation = contextText
    .split(/\r\n|[\r\n\u2028\u2029]/)
    .map((line) => `> ${line}`)
    .join('\n')
  return `The visitor selected this text on the page:\n\n${quotation}\n\n${message}`
}
