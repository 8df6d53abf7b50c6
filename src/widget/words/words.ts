/**
 * Everything the widget says in its own voice. `{count}` stands for a number. The names in
 * snake_case are the codes of failures.
 */
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
  you: 'You:',
  assistant: 'Assistant:',
  loading: 'Loading the conversation…',
  loadEarlier: 'Load earlier messages',
  retry: 'Try again',
  waitingForNetwork: 'There is no connection. This message goes when it is back.',
  waitingForLimit: 'Too many messages for now. This one goes in {count} seconds.',
  reconnecting: 'The connection was lost. Trying again…',
  stopping: 'Stopping…',
  stillRunning: 'Waiting for the reply that is being written…',
  interrupted: 'This reply was cut off.',
  noReply: 'There was no reply to this message.',
  notSent: 'This message was not sent yet.',
  startedAnew: 'Your earlier conversation is no longer available. This is a new one.',

  copy: 'Copy',
  copyCode: 'Copy code',
  copied: 'Copied',
  goodReply: 'Good reply',
  badReply: 'Bad reply',
  regenerate: 'Another reply',
  ask: 'Ask about this',
  removeQuotation: 'Remove the quotation',
  sessions: 'Past chats',
  noSessions: 'There are no past chats.',
  loadMore: 'Show more',
  rename: 'Rename',
  save: 'Save',
  cancel: 'Cancel',
  delete: 'Delete',
  deleteQuestion: 'Delete this chat for good?',

  tooLong: 'This message is {count} characters too long. Please shorten it.',
  retryInSeconds: 'Try again in {count} seconds.',
  retryInMinutes: 'Try again in {count} minutes.',

  signedOut: 'You are not signed in to this chat any more.',
  notHere: 'The chat is not available here.',
  tooLarge: 'This message is too long. Please shorten it.',
  tooMany: 'Too many messages for now.',
  broken: 'The chat does not work just now.',
  refused: 'This message was not accepted.',
  network: 'There is no connection to the chat.',
  model_unavailable: 'The assistant cannot be reached just now.',
  model_timeout: 'The assistant took too long to answer.',
  model_rate_limited: 'The assistant is busy just now.',
  model_context_exceeded: 'This conversation has become too long. Please start a new one.',
  model_empty_reply: 'The assistant gave no answer.',
  stopped: 'The reply was stopped.',
  session_deleted: 'This conversation was deleted.',
  origin_not_allowed: 'This website may not use this chat.',
  daily_limit_reached: 'The chat has reached its limit for today.',
  session_busy: 'Another reply is still being written.',
  turn_running: 'The reply is still being written.',
  not_saved: 'The reply could not be saved.',
  not_last_turn: 'The conversation has gone on elsewhere. Reload the page to see it.',
}

export type Words = Record<keyof typeof english, string>

/** The API's limit for a message, in UTF-16 units. */
export const MAX_MESSAGE_CHARS = 8000

export function tooLong(words: Words, chars: number): string {
  return fill(words.tooLong, chars - MAX_MESSAGE_CHARS)
}

/** Puts the number into a sentence. */
export function fill(sentence: string, count: number): string {
  return sentence.replace('{count}', String(count))
}

function wordsByStatus(words: Words, status: number): string {
  if (status === 401) return words.signedOut
  if (status === 404) return words.notHere
  if (status === 413) return words.tooLarge
  if (status === 429) return words.tooMany
  return status >= 500 ? words.broken : words.refused
}

/**
 * A failure as a sentence or two for the visitor; never JSON, never longer than 300 characters.
 * Where its `code` has no words, what the visitor can mend is said by the server's `detail`.
 */
export function explain(
  words: Words,
  failure: {
    status: number
    code: string
    detail?: string | undefined
    retryAfterMs?: number | undefined
  },
): string {
  const { status, code, detail } = failure
  const byCode = Object.entries(words).find(([name]) => name === code)?.[1]
  // What is wrong inside the server is no concern of a visitor's.
  const told = status < 500 && status !== 401 && status !== 404 ? detail?.slice(0, 300) : undefined
  const what = byCode || told || wordsByStatus(words, status)
  const seconds = Math.ceil((failure.retryAfterMs ?? 0) / 1000)
  if (seconds < 2) return what
  const when =
    seconds < 120
      ? fill(words.retryInSeconds, seconds)
      : fill(words.retryInMinutes, Math.ceil(seconds / 60))
  return `${what} ${when}`
}
