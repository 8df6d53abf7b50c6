import type { Turn } from '../client/chat-client.ts'
import type { SiteStore } from '../client/site-store.ts'
import type { Composer } from '../panel/composer.ts'

export interface Draft {
  save: (text: string, quotation: string | undefined) => void
  /** Puts an unsent message back into the composer, above any text typed since. */
  giveBack: (turn: Turn) => void
}

/** Keeps the unsent text of the composer in the store, so that it survives a reload. */
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
