import type { Turn } from '../client/chat-client.ts'
import type { SiteStore } from '../client/site-store.ts'
import type { Composer } from '../panel/composer.ts'

export interface Draft {
  save: (text: string, quotation: string | undefined) => void
  /** Puts a message that was not sent back into the box, before what was typed since. */
  giveBack: (turn: Turn) => void
}

/** What is in the box and not sent yet: it survives the page. */
export function createDraft(store: SiteStore, composer: Composer): Draft {
  composer.setText(store.get('draft') ?? '')
  composer.setQuotation(store.get('quotation'))

  function save(text: string, quotation: string | undefined): void {
    store.set('draft', text === '' ? undefined : text)
    store.set('quotation', quotation)
  }

  return {
    save,
    giveBack({ message, contextText }) {
      const typed = composer.readText()
      composer.setText(typed === '' ? message : `${message}\n${typed}`)
      if (!composer.readQuotation()) composer.setQuotation(contextText)
      save(composer.readText(), composer.readQuotation())
    },
  }
}
