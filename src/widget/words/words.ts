import type { englishLater } from './english-later.ts'

/** The texts of the panel, in the file that every page loads. `{count}` stands for a number. */
export const english = {
  title: 'Chat',
  greeting: 'Hello. How can I help?',
  placeholder: 'Write a message',
  open: 'Open chat',
  close: 'Close chat',
  newChat: 'New chat',
  log: 'Conversation',
  send: 'Send',
  stop: 'Stop',
  loading: 'Loading the conversation…',
  loadEarlier: 'Load earlier messages',
  ask: 'Ask about this',
  removeQuotation: 'Remove the quotation',
  sessions: 'Past chats',
  tooLong: 'This message is {count} characters too long. Please shorten it.',
  network: 'There is no connection to the chat.',
}

/** The texts that the panel needs before a conversation is loaded. */
export type PanelWords = Record<keyof typeof english, string>

/** Every text of the widget. */
export type Words = PanelWords & Record<keyof typeof englishLater, string>

/** Replaces `{count}` in a text. */
export function fill(sentence: string, count: number): string {
  return sentence.replace('{count}', String(count))
}
