/** The texts of the panel and of the messages. `{count}` stands for a number. */
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
  thinking: 'Thinking…',
  interrupted: 'This reply was cut off.',
  cutAtLimit: 'This reply was cut at its length limit.',
  filtered: 'The provider’s content filter ended this reply.',
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

  tooLong: 'This message is {count} characters too long. Please shorten it.',
  noFiles: 'Files cannot be sent in this chat.',

  network: 'There is no connection to the chat.',
}

/**
 * The texts that only a loaded conversation needs, so that they are not in the file that every page loads. The names in
 * snake_case are the API's error codes.
 */
export const englishLater = {
  noSessions: 'There are no past chats.',
  loadMore: 'Show more',
  rename: 'Rename',
  save: 'Save',
  cancel: 'Cancel',
  delete: 'Delete',
  deleteQuestion: 'Delete this chat for good?',

  retryInSeconds: 'Try again in {count} seconds.',
  retryInMinutes: 'Try again in {count} minutes.',
  signedOut: 'You are not signed in to this chat any more.',
  notHere: 'The chat is not available here.',
  tooLarge: 'This message is too long. Please shorten it.',
  tooMany: 'Too many messages for now.',
  broken: 'The chat does not work just now.',
  refused: 'This message was not accepted.',
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

/** What the panel needs before a conversation is loaded. */
export type PanelWords = Record<keyof typeof english, string>

/** Every text of the widget. */
export type Words = PanelWords & Record<keyof typeof englishLater, string>

/** Replaces `{count}` in a text. */
export function fill(sentence: string, count: number): string {
  return sentence.replace('{count}', String(count))
}
