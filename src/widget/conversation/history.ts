import type { Message, Page } from '../../protocol.ts'
import { asFailure, type ChatFailure } from '../client/chat-failure.ts'
import { backoffMs, sleepUntilOnline } from '../client/sleep.ts'
import type { MessageView, ViewedMessage } from '../panel/message-view.ts'
import { explain } from '../words/explain.ts'
import type { TurnSite } from './show-turn.ts'

export interface History {
  /**
   * The newest page of the session; undefined if there is no session. Retries until the network is back. Reports any
   * other failure above the messages, with a button to retry.
   */
  readNewest: (
    signal: AbortSignal,
    onOffline: () => void,
  ) => Promise<Page<Message> | undefined | 'failed'>
  /** Reports that the server refused the visitor's token, with a button to begin a new chat as a new visitor. */
  offerNewVisitor: (notice: string) => void
}

/** More than in the first page: the visitor waits for the first page only. */
const earlierMessages = 100

/** Reads stored messages page by page. Shows its progress above the messages. */
export function createHistory(
  { client, panel: { log }, words }: TurnSite,
  on: {
    createView: (message: ViewedMessage) => MessageView
    /** Reads the newest page again. */
    retry: () => void
    newSession: () => void
  },
): History {
  let firstSeq = 1

  async function showEarlier(signal: AbortSignal): Promise<void> {
    log.setNotice(words.loading)
    const retry = () => void showEarlier(signal)
    try {
      const page = await client.readMessages(`?before=${firstSeq}&limit=${earlierMessages}`, signal)
      if (signal.aborted) return
      log.prepend((page?.data ?? []).map(viewOf))
      offerEarlier(page, signal)
    } catch (error) {
      if (!signal.aborted) report(asFailure(error), retry)
    }
  }

  function viewOf(message: Message): MessageView {
    const { role, context_text: quotation } = message
    const view = on.createView({ role, quotation })
    view.show(message)
    return view
  }

  /** Offers the page before this one, if there is one. */
  function offerEarlier(page: Page<Message> | undefined, signal: AbortSignal): void {
    firstSeq = page?.data[0]?.seq ?? firstSeq
    log.setNotice('')
    if (page?.has_more) log.offerEarlier(() => void showEarlier(signal))
  }

  function report(failure: ChatFailure, retry: () => void): void {
    // Another try would not change the Worker's settings.
    const isFinal = failure.code === 'origin_not_allowed'
    log.setNotice(explain(words, failure), isFinal ? undefined : { label: words.retry, run: retry })
  }

  function offerNewVisitor(notice: string): void {
    const run = () => {
      client.becomeNewVisitor()
      on.newSession()
    }
    log.setNotice(notice, { label: words.newChat, run })
  }

  return {
    offerNewVisitor,

    async readNewest(signal, onOffline) {
      log.setNotice(words.loading)
      for (let losses = 0; ; losses++) {
        try {
          const page = await client.readMessages('', signal)
          if (signal.aborted) return 'failed'
          offerEarlier(page, signal)
          return page
        } catch (error) {
          if (signal.aborted) return 'failed'
          const failure = asFailure(error)
          if (client.isUnknownVisitor(failure)) offerNewVisitor(explain(words, failure))
          else report(failure, on.retry)
          if (failure.status !== 0) return 'failed'
          onOffline()
          await sleepUntilOnline(backoffMs(losses), signal)
        }
      }
    },
  }
}
