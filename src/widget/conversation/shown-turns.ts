import type { Message } from '../../protocol.ts'
import type { Turn } from '../client/chat-client.ts'
import type { MessageLog } from '../panel/message-log.ts'
import type { MessageView, ViewedMessage } from '../panel/message-view.ts'

/** One turn on the screen: the visitor's message and its reply. */
export interface ShownTurn {
  turn: Turn
  question: MessageView
  reply: MessageView
  /** The `seq` of the question; undefined if the server has not stored it. */
  seq: number | undefined
}

export interface ShownTurns {
  /** The last turn. Only this one can be run again. */
  last: () => ShownTurn | undefined
  /** Shows stored messages, oldest first. A message that is on the screen already is updated. */
  show: (messages: readonly Message[]) => void
  has: (id: string) => boolean
  /** Whether the session has turns that are not on the screen, between this turn at `seq` and the one before it. */
  hasGapBefore: (shown: ShownTurn, seq: number) => boolean
  append: (turn: Turn) => ShownTurn
  remove: (shown: ShownTurn) => void
  /** Removes everything above a turn. */
  clearBefore: (shown: ShownTurn) => void
  clear: () => void
}

/** The turns on the screen. Each is there once, identified by the ids of its messages. */
export function createShownTurns(
  log: MessageLog,
  createView: (message: ViewedMessage) => MessageView,
): ShownTurns {
  let turns: ShownTurn[] = []

  function appendView(message: ViewedMessage): MessageView {
    const view = createView(message)
    log.append(view)
    return view
  }

  function append(turn: Turn): ShownTurn {
    const shown: ShownTurn = {
      turn,
      seq: undefined,
      question: appendView({ role: 'user', text: turn.message, quotation: turn.contextText }),
      reply: appendView({ role: 'assistant' }),
    }
    turns.push(shown)
    return shown
  }

  return {
    last: () => turns.at(-1),
    has: (id) => turns.some(({ turn }) => turn.id === id),
    hasGapBefore(shown, seq) {
      const before = turns[turns.indexOf(shown) - 1]
      const last = before?.reply.stored()?.seq ?? before?.seq ?? 0
      // A failed or replaced reply takes a `seq` too, and its absence is not a gap.
      return seq > last + 2
    },
    append,
    show(messages) {
      let shown: ShownTurn | undefined
      for (const message of messages) {
        const { id, role, seq } = message
        if (role === 'user') {
          shown = turns.find(({ turn }) => turn.id === id) ?? append(turnOf(message))
          shown.seq = seq
          shown.question.show(message)
        } else if (shown) {
          // The same reply with its present text, or another one in its place. One that failed takes no place.
          const other = shown.reply.stored()
          if (message.status !== 'failed' || !other || other.id === id) shown.reply.show(message)
        } else appendView({ role }).show(message)
      }
    },
    remove(shown) {
      log.remove(shown.question)
      log.remove(shown.reply)
      turns = turns.filter((each) => each !== shown)
    },
    clearBefore(shown) {
      log.clearBefore(shown.question)
      turns = turns.slice(turns.indexOf(shown))
    },
    clear() {
      log.clear()
      turns = []
    },
  }
}

/** The turn of a stored message. A retry must repeat its body. */
function turnOf({ id, content, context_text, metadata }: Message): Turn {
  const hasMetadata = Object.keys(metadata).length > 0
  return {
    id,
    message: content,
    contextText: context_text,
    metadata: hasMetadata ? metadata : undefined,
  }
}
