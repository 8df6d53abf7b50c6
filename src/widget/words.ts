/** Everything the widget says in its own voice. */
export const words = {
  title: 'Chat',
  greeting: 'Hello. How can I help?',
  placeholder: 'Write a message',
  open: 'Open chat',
  close: 'Close chat',
  newChat: 'New chat',
  log: 'Conversation',
  send: 'Send',
  you: 'You:',
  assistant: 'Assistant:',
  loading: 'Loading the conversation…',
  loadEarlier: 'Load earlier messages',
  retry: 'Try again',
  reconnecting: 'The connection was lost. Trying again…',
  stillRunning: 'Waiting for the reply that is being written…',
  interrupted: 'This reply was cut off.',
  noReply: 'There was no reply to this message.',
  notSent: 'This message was not sent yet.',
  startedAnew: 'Your earlier conversation is no longer available. This is a new one.',
} as const

/** The API's limit for a message, in UTF-16 units. */
export const MAX_MESSAGE_CHARS = 8000

export function tooLong(chars: number): string {
  return `This message is ${chars - MAX_MESSAGE_CHARS} characters too long. Please shorten it.`
}

/** What a failure means to a visitor, by its `code`. Others speak by `detail` or `title`. */
const wordsByCode: Record<string, string> = {
  network: 'There is no connection to the chat.',
  model_unavailable: 'The assistant cannot be reached just now.',
  model_timeout: 'The assistant took too long to answer.',
  model_rate_limited: 'The assistant is busy just now.',
  model_context_exceeded: 'This conversation has become too long. Please start a new one.',
  model_empty_reply: 'The assistant gave no answer.',
  stopped: 'The reply was stopped.',
  session_deleted: 'This conversation was deleted.',
  session_busy: 'Another reply is still being written.',
  turn_running: 'The reply is still being written.',
  not_saved: 'The reply could not be saved.',
  not_last_turn: 'The conversation has gone on elsewhere. Reload the page to see it.',
}

function wordsByStatus(status: number): string {
  if (status === 401) return 'You are not signed in to this chat any more.'
  if (status === 404) return 'The chat is not available here.'
  if (status === 413) return 'This message is too long. Please shorten it.'
  if (status === 429) return 'Too many messages for now.'
  return status >= 500 ? 'The chat does not work just now.' : 'This message was not accepted.'
}

/** A failure as a sentence or two for the visitor; never JSON, never longer than 300 characters. */
export function explain(failure: {
  status: number
  code: string
  detail?: string | undefined
  retryAfterMs?: number | undefined
}): string {
  const { status, code, detail } = failure
  // What is wrong inside the server is no concern of a visitor's.
  const told = status < 500 && status !== 401 && status !== 404 ? detail?.slice(0, 300) : undefined
  const what = wordsByCode[code] ?? told ?? wordsByStatus(status)
  const seconds = Math.ceil((failure.retryAfterMs ?? 0) / 1000)
  if (seconds < 2) return what
  const when = seconds < 120 ? `${seconds} seconds` : `${Math.ceil(seconds / 60)} minutes`
  return `${what} Try again in ${when}.`
}
