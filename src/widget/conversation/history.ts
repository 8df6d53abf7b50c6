import type { Message, Page } from '../../protocol.ts'
import { asFailure, type ChatFailure } from '../client/chat-failure.ts'
import { backoffMs, sleepUntilOnline } from '../client/sleep.ts'
import type { MessageView, ViewedMessage } from '../panel/message-view.ts'
import { explain } from '../words/explain.ts'
import type { TurnSite } from './show-turn.ts'
import type { ShownTurn } from './shown-turns.ts'

export interface History {
  /**
   * The newest page of the session, undefined where there is none. Waits for the network as long
   * as it takes; any other failure is said above the messages, with a button.
   */
  readNewest: (
    signal: AbortSignal,
    onOffline: () => void,
  ) => Promise<Page<Message> | undefined | 'failed'>
  /** Where the visitor's token is refused, all that is left is to begin anew. */
  offerNewVisitor: (words: string) => void
  /** The text that a reply, which failed then, was to replace. */
  findReplaced: (shown: ShownTurn, signal: AbortSignal) => Promise<Message | undefined>
}

/** More at a time than the first page, which is waited for. */
const earlierMessages = 100

/** Reads stored messages page by page, and says so meanwhile above those that are there. */
export function createHistory(
  { client, panel: { log }, words }: TurnSite,
  on: {
    createView: (message: ViewedMessage) => MessageView
    again: () => void
    anew: () => void
  },
): History {
  let firstSeq = 1

  async function showEarlier(signal: AbortSignal): Promise<void> {
    log.setNotice(words.loading)
    const again = () => void showEarlier(signal)
    try {
      const page = await client.readMessages(`?before=${firstSeq}&limit=${earlierMessages}`, signal)
      if (signal.aborted) return
      log.prepend((page?.data ?? []).map(viewOf))
      arrive(page, signal)
    } catch (error) {
      if (!signal.aborted) complain(asFailure(error), again)
    }
  }

  function viewOf(message: Message): MessageView {
    const { role, context_text: quotation } = message
    const view = on.createView({ role, quotation })
    view.show(message)
    return view
  }

  function arrive(page: Page<Message> | undefined, signal: AbortSignal): void {
    firstSeq = page?.data[0]?.seq ?? firstSeq
    log.setNotice('')
    if (page?.has_more) log.offerEarlier(() => void showEarlier(signal))
  }

  function complain(failure: ChatFailure, again: () => void): void {
    log.setNotice(explain(words, failure), { label: words.retry, run: again })
  }

  function offerNewVisitor(text: string): void {
    const run = () => {
      client.becomeNewVisitor()
      on.anew()
    }
    log.setNotice(text, { label: words.newChat, run })
  }

  return {
    offerNewVisitor,

    async findReplaced({ seq, reply }, signal) {
      const failedSeq = reply.stored()?.seq
      // Where the failed reply follows its question, it was the first.
      if (seq === undefined || failedSeq === undefined || failedSeq === seq + 1) return undefined
      const page = await client
        .readMessages(`?after=${seq}&superseded=true`, signal)
        .catch(() => undefined)
      return page?.data.findLast(({ status }) => status === 'superseded')
    },

    async readNewest(signal, onOffline) {
      log.setNotice(words.loading)
      for (let losses = 0; ; losses++) {
        try {
          const page = await client.readMessages('', signal)
          if (signal.aborted) return 'failed'
          arrive(page, signal)
          return page
        } catch (error) {
          if (signal.aborted) return 'failed'
          const failure = asFailure(error)
          if (client.isUnknownVisitor(failure)) offerNewVisitor(explain(words, failure))
          else complain(failure, on.again)
          if (failure.status !== 0) return 'failed'
          onOffline()
          await sleepUntilOnline(backoffMs(losses), signal)
        }
      }
    },
  }
}
